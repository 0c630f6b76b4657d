/* SPDX-License-Identifier: MIT */
/* queue/mend.h - making a queue's derived parts anew from its slots; see queue/store.h */
#ifndef H7_QUEUE_MEND_H
#define H7_QUEUE_MEND_H

#include "queue/store.h"

/* Under both locks. All that is derived, from what slots and head say; not dirty afterwards. Who
 * dies in here is followed by the next, who begins again. 0, -EBADMSG (the slots are wrong). */
int h7_mend_rebuild(struct h7_store *st);

#endif
