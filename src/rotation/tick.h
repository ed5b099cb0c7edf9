/*
 * rotation/tick.h: everything whose time has come.
 *
 * Each piece of work in a transaction of its own; what fails is written down and
 * the rest goes on.  Several at once share the work: a row that somebody has is
 * passed over.  To be called with SPI connected, not atomic.
 */
#ifndef SECRETS_ROTATION_TICK_H
#define SECRETS_ROTATION_TICK_H

#include "datatype/timestamp.h"

/* At most so many pieces, and none is begun after that time. */
extern void tick_all(int max_work, TimestampTz until);

/* Only what was asked for by a transaction that was committed then: marked rotations, ends of sessions; how many it did. */
extern int	tick_marked(TimestampTz committed);

/* Whether there is such work now. */
extern bool tick_has_marked(void);

#endif
