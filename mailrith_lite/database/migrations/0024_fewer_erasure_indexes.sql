-- An undo deletes many people, and the index cost a tenth of its time. One statement used it, and finds all deleted
-- people of a workspace by the other index as well.
DROP INDEX erasures_by_subscriber;
