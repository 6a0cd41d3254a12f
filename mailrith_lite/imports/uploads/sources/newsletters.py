"""Tools that send newsletters."""

from mailrith_lite.imports.uploads.sources.source import (
    BLOCKED,
    COMPLAINED,
    CONFIRMED,
    OPT_IN,
    OPT_OUT,
    Source,
    Words,
)

NEWSLETTERS = (
    Source(
        name="mailchimp",
        label="Mailchimp",
        identified_by=(("Email Address", "LEID", "EUID"),),
        columns={
            "Email Address": "email",
            "First Name": "first-name",
            "Last Name": "last-name",
            "OPTIN_TIME": "subscribed-at",
            "CONFIRM_TIME": "subscribed-at",
            "CC": "country",
            "TAGS": "tags",
            **dict.fromkeys(("OPTIN_IP", "CONFIRM_IP", "UNSUB_TIME", "UNSUB_CAMPAIGN_TITLE", "UNSUB_CAMPAIGN_ID")),
            **dict.fromkeys(("UNSUB_REASON", "UNSUB_REASON_OTHER", "CLEAN_TIME", "CLEAN_CAMPAIGN_TITLE")),
            "CLEAN_CAMPAIGN_ID": None,
        },
        status_by={"UNSUB_TIME": "Unsubscribed", "CLEAN_TIME": "Bounced"},
    ),
    Source(
        name="kit",
        label="Kit",
        identified_by=(
            ("email", "first_name", "created_at", "status", "tags"),
            ("email", "first_name", "state", "created_at"),
        ),
        columns={
            "email": "email",
            "first_name": "first-name",
            "last_name": "last-name",
            "status": "subscriber-status",
            "state": "subscriber-status",
            "created_at": "subscribed-at",
            "tags": "tags",
        },
    ),
    Source(
        name="substack",
        label="Substack",
        identified_by=(
            ("email", "active_subscription", "expiry"),
            ("Email", "Stripe plan", "Start date", "Emails opened (6mo)"),
        ),
        columns={
            "email": "email",
            "name": "name",
            "email_disabled": OPT_OUT,
            "created_at": "subscribed-at",
            "Start date": "subscribed-at",
            "Country": "country",
            **dict.fromkeys(("active_subscription", "plan", "expiry", "Stripe plan", "Cancel date")),
        },
    ),
    Source(
        name="ghost",
        label="Ghost",
        identified_by=(("email", "subscribed_to_emails", "complimentary_plan"),),
        columns={
            "email": "email",
            "name": "name",
            "subscribed_to_emails": OPT_IN,
            "created_at": "subscribed-at",
            "labels": "tags",
            "complimentary_plan": None,
        },
    ),
    Source(
        name="beehiiv",
        label="beehiiv",
        identified_by=(
            ("email", "status", "utm_source", "utm_medium", "referral_code"),
            ("email", "status", "subscription_tier", "utm_source"),
            ("email", "status", "tier", "referring_site"),
        ),
        columns={
            "email": "email",
            "first_name": "first-name",
            "last_name": "last-name",
            "name": "name",
            "status": "subscriber-status",
            "created": "subscribed-at",
            "created_at": "subscribed-at",
            "subscribed_at": "subscribed-at",
            "tags": "tags",
            "subscription_tier": None,
            "tier": None,
        },
    ),
    Source(
        name="buttondown",
        label="Buttondown",
        identified_by=(
            ("email", "subscriber_type", "creation_date"),
            ("email_address", "type", "creation_date", "metadata"),
        ),
        columns={
            "email": "email",
            "email_address": "email",
            "subscriber_type": (
                _types := Words(
                    meanings={
                        **dict.fromkeys(("regular", "premium", "gifted", "trialed", "churning", "past_due")),
                        **dict.fromkeys(("unactivated", "unpaid"), "Unconfirmed"),
                        **dict.fromkeys(("paused", "churned"), "Unsubscribed"),
                        "spammy": "Blocked",
                    }
                )
            ),
            "type": _types,
            "creation_date": "subscribed-at",
            "last_open_date": "last-opened-at",
            "tags": "tags",
            "unsubscription_date": None,  # the type says so
            "undeliverability_date": None,
        },
    ),
    Source(
        name="listmonk",
        label="listmonk",
        identified_by=(
            ("uuid", "email", "name", "attributes", "status"),
            ("uuid", "email", "name", "attribs", "status"),
        ),
        columns={
            "email": "email",
            "name": "name",
            "status": "subscriber-status",
            "created_at": "subscribed-at",
        },
    ),
    Source(
        name="brevo",
        label="Brevo",
        identified_by=(
            ("EMAIL", "EMAIL_BLACKLISTED"),
            ("EMAIL", "ADDED_TIME", "MODIFIED_TIME"),
        ),
        columns={
            "EMAIL": "email",
            "FIRSTNAME": "first-name",
            "VORNAME": "first-name",
            "PRENOM": "first-name",
            "LASTNAME": "last-name",
            "NACHNAME": "last-name",
            "NOM": "last-name",
            "EMAIL_BLACKLISTED": BLOCKED,
            "SMS_BLACKLISTED": None,
            "WHATSAPP_BLACKLISTED": None,
            "ADDED_TIME": "subscribed-at",
        },
        day_first=True,
    ),
    Source(
        name="mailerlite",
        label="MailerLite",
        identified_by=(
            ("Subscriber", "Sent", "Opens", "Clicks", "Subscribed"),
            ("Subscriber", "Sent", "Opened", "Clicked", "Subscribed"),
            ("Email", "Signup IP", "Signup timestamp", "Confirmation timestamp"),
        ),
        columns={
            "Subscriber": "email",
            "Email": "email",
            "Name": "first-name",
            "First name": "first-name",
            "Last name": "last-name",
            "Status": Words(meanings={"junk": "Complained"}),
            "Type": Words(meanings={"junk": "Complained"}),
            "Country": "country",
            "Subscribed": "subscribed-at",
            "Signup timestamp": "subscribed-at",
            "Groups": "tags",
            "Sent": None,
        },
    ),
    Source(
        name="activecampaign",
        label="ActiveCampaign",
        identified_by=(
            ("Email", "First Name", "Last Name", "Lists", "Tags", "Date Created"),
            ("Contact ID", "Email", "First Name", "Last Name", "Tags", "Date Subscribed"),
            ("Email", "Full Name", "Lists", "Tags", "Status", "IP Address"),
        ),
        columns={
            "Email": "email",
            "Full Name": "name",
            "First Name": "first-name",
            "Last Name": "last-name",
            "Status": "subscriber-status",
            "Date Subscribed": "subscribed-at",
            "Date Created": "subscribed-at",
            "Tags": "tags",
            "Country": "country",
        },
    ),
    Source(
        name="constant-contact",
        label="Constant Contact",
        identified_by=(
            ("Email address", "Email permission status"),
            ("Email address", "Email status", "Email update source"),
        ),
        columns={
            "Email address": "email",
            "First name": "first-name",
            "Last name": "last-name",
            "Email status": Words(meanings={"mailable": None, "awaiting confirmation": "Unconfirmed"}),
            "Email permission status": Words(
                meanings={
                    **dict.fromkeys(("express", "explicit", "implied", "implicit", "confirmed opt-in")),
                    **dict.fromkeys(("pending confirmation", "awaiting confirmation"), "Unconfirmed"),
                    **dict.fromkeys(
                        ("not set", "no permission", "no permissions set", "temp hold"), "Unsubscribed"
                    ),
                }
            ),
            "Country - Home": "country",
            "Country": "country",
            "Tags": "tags",
            "Created At": "subscribed-at",
            "Confirmed Opt-Out Source": None,
            "Confirmed Opt-Out Reason": None,
        },
    ),
    Source(
        name="campaign-monitor",
        label="Campaign Monitor",
        identified_by=(
            ("Email Address", "Name", "Date Subscribed"),
            ("Email", "Name", "Date Subscribed", "Status"),
        ),
        columns={
            "Email Address": "email",
            "Email": "email",
            "Name": "name",
            "Status": "subscriber-status",
            "State": "subscriber-status",
            "Date Subscribed": "subscribed-at",
            "Country": "country",
        },
    ),
    Source(
        name="phplist",
        label="phpList",
        identified_by=(
            ("email", "confirmed", "blacklisted", "htmlemail"),
            ("email", "confirmed", "blacklisted", "bouncecount"),
        ),
        columns={
            "email": "email",
            "name": "name",
            "confirmed": CONFIRMED,
            "blacklisted": BLOCKED,
            "optedin": OPT_IN,
            "entered": "subscribed-at",
            "bouncecount": None,
            "htmlemail": None,
        },
    ),
    Source(
        name="mailpoet",
        label="MailPoet",
        identified_by=(
            ("Email", "Global status", "List status"),
            ("Email", "First name", "Last name", "Global status"),
        ),
        columns={
            "Email": "email",
            "First name": "first-name",
            "Last name": "last-name",
            "Global status": "subscriber-status",  # it decides: a person can have left one list only
            "List status": None,
            "Created at": "subscribed-at",
            "Subscribed on": "subscribed-at",
            "Tags": "tags",
        },
    ),
    Source(
        name="sendgrid",
        label="SendGrid",
        identified_by=(
            ("EMAIL", "ALTERNATE_EMAILS", "CREATED_AT"),
            ("EMAIL", "ALTERNATE_EMAILS", "CONTACT_ID"),
        ),
        columns={
            "EMAIL": "email",
            "FIRST_NAME": "first-name",
            "LAST_NAME": "last-name",
            "COUNTRY": "country",
            "CREATED_AT": "subscribed-at",
            "LAST_OPENED": "last-opened-at",
            "ALTERNATE_EMAILS": None,
            "GLOBAL_UNSUBSCRIBE": OPT_OUT,
            "SPAM_REPORT": COMPLAINED,
        },
    ),
    Source(
        name="sendgrid",
        label="SendGrid",
        identified_by=(("status", "reason", "email", "created"),),  # its bounces, blocks and invalid addresses
        columns={"email": "email", "status": None, "reason": None, "created": None},
        status_by={"reason": "Bounced"},
    ),
)
