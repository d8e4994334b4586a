/** How terminal states stand on the event bus: `Source` and `DetailType`; the detail is an announcement. */
export const ANNOUNCEMENT_SOURCE = 'discflow';
export const ANNOUNCEMENT_DETAIL_TYPE = 'discflow.announcement/1';
