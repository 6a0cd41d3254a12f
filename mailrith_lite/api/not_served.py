"""Operations of the contract that this service does not have. They answer 501 with their id in the message."""

import msgspec

_OPERATIONS = """
POST   /v1/analytics/reports createAnalyticsReport
GET    /v1/analytics/reports/{report_id} getAnalyticsReport
GET    /v1/automations listAutomations
POST   /v1/automations createAutomation
DELETE /v1/automations/{automation_id} deleteAutomation
GET    /v1/automations/{automation_id} getAutomation
PUT    /v1/automations/{automation_id} updateAutomation
GET    /v1/automations/{automation_id}/journey-preview previewAutomationJourney
GET    /v1/automations/{automation_id}/preflight preflightAutomation
PUT    /v1/automations/{automation_id}/status updateAutomationStatus
POST   /v1/automations/{automation_id}/test testAutomation
GET    /v1/broadcasts listBroadcasts
POST   /v1/broadcasts createBroadcast
DELETE /v1/broadcasts/{broadcast_id} deleteBroadcast
GET    /v1/broadcasts/{broadcast_id} getBroadcast
PUT    /v1/broadcasts/{broadcast_id} updateBroadcast
POST   /v1/broadcasts/{broadcast_id}/cancel cancelBroadcastSend
GET    /v1/broadcasts/{broadcast_id}/delivery-errors listBroadcastDeliveryErrors
GET    /v1/broadcasts/{broadcast_id}/preflight preflightBroadcast
GET    /v1/broadcasts/{broadcast_id}/progress getBroadcastSendProgress
DELETE /v1/broadcasts/{broadcast_id}/schedule unscheduleBroadcast
PUT    /v1/broadcasts/{broadcast_id}/schedule scheduleBroadcast
POST   /v1/broadcasts/{broadcast_id}/send sendBroadcast
POST   /v1/broadcasts/{broadcast_id}/test testBroadcast
GET    /v1/diagnostics/automations/{automation_id}/runs listAutomationRunDiagnostics
GET    /v1/diagnostics/automations/{automation_id}/runs/{run_id} getAutomationRunDiagnostics
GET    /v1/diagnostics/broadcasts/{broadcast_id} getBroadcastDiagnostics
GET    /v1/diagnostics/sequences/{sequence_id} getSequenceDiagnostics
GET    /v1/diagnostics/subscribers/{subscriber_id} getSubscriberActivityDiagnostics
POST   /v1/email-delivery-connection-setup-sessions startEmailDeliveryConnectionSetup
GET    /v1/email-delivery-connection-setup-sessions/{setup_session_id} getEmailDeliveryConnectionSetup
POST   /v1/email-delivery-connection-setup-sessions/{setup_session_id}/renew renewEmailDeliveryConnectionSetup
GET    /v1/email-delivery-connections listEmailDeliveryConnections
DELETE /v1/email-delivery-connections/{connection_id} deleteEmailDeliveryConnection
GET    /v1/email-delivery-connections/{connection_id} getEmailDeliveryConnection
PATCH  /v1/email-delivery-connections/{connection_id} updateEmailDeliveryConnection
PUT    /v1/email-delivery-connections/{connection_id}/status updateEmailDeliveryConnectionStatus
POST   /v1/email-delivery-connections/{connection_id}/test testEmailDeliveryConnection
POST   /v1/email-delivery-connections/{connection_id}/verify verifyEmailDeliveryConnection
GET    /v1/email-templates listEmailTemplates
POST   /v1/email-templates createEmailTemplate
DELETE /v1/email-templates/{template_id} deleteEmailTemplate
GET    /v1/email-templates/{template_id} getEmailTemplate
PUT    /v1/email-templates/{template_id} updateEmailTemplate
POST   /v1/email-templates/{template_id}/preview previewEmailTemplate
GET    /v1/forms listForms
POST   /v1/forms createForm
DELETE /v1/forms/{form_id} deleteForm
GET    /v1/forms/{form_id} getForm
PUT    /v1/forms/{form_id} updateForm
POST   /v1/forms/{form_id}/double-opt-in-preview previewFormDoubleOptIn
GET    /v1/forms/{form_id}/submissions listFormSubmissions
GET    /v1/forms/{form_id}/submissions/{submission_id} getFormSubmission
GET    /v1/landing-pages listLandingPages
POST   /v1/landing-pages createLandingPage
DELETE /v1/landing-pages/{landing_page_id} deleteLandingPage
GET    /v1/landing-pages/{landing_page_id} getLandingPage
PUT    /v1/landing-pages/{landing_page_id} updateLandingPage
POST   /v1/landing-pages/{landing_page_id}/double-opt-in-preview previewLandingPageDoubleOptIn
GET    /v1/landing-pages/{landing_page_id}/submissions listLandingPageSubmissions
GET    /v1/landing-pages/{landing_page_id}/submissions/{submission_id} getLandingPageSubmission
GET    /v1/magic-links listMagicLinks
POST   /v1/magic-links createMagicLink
DELETE /v1/magic-links/{magic_link_id} deleteMagicLink
GET    /v1/magic-links/{magic_link_id} getMagicLink
PUT    /v1/magic-links/{magic_link_id} updateMagicLink
GET    /v1/sender-identities listSenderIdentities
GET    /v1/sender-identities/{sender_identity_id} getSenderIdentity
GET    /v1/sequences/{sequence_id}/journey-preview previewSequenceJourney
GET    /v1/sequences/{sequence_id}/preflight preflightSequence
POST   /v1/sequences/{sequence_id}/test testSequence
GET    /v1/starting-points/email-templates listEmailStartingPoints
GET    /v1/starting-points/email-templates/{starting_point_id} getEmailStartingPoint
GET    /v1/starting-points/forms listFormStartingPoints
GET    /v1/starting-points/forms/{starting_point_id} getFormStartingPoint
GET    /v1/starting-points/landing-pages listLandingPageStartingPoints
GET    /v1/starting-points/landing-pages/{starting_point_id} getLandingPageStartingPoint
"""


class NotServed(msgspec.Struct, frozen=True):
    method: str
    path: str
    operation_id: str


NOT_SERVED = tuple(NotServed(*line.split()) for line in _OPERATIONS.strip().splitlines())
