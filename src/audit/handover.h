/*
 * audit/handover.h: a standby's lines go to the primary, inside the room.
 *
 * The worker of a standby cannot write.  It makes packets of what is queued, in
 * order, has the primary's receive_audit() put them into the queue there, and
 * takes them off its own when the answer says, with a MAC, that they are on
 * disk.  Without an answer it sends them again, and the primary leaves out what
 * it has.
 */
#ifndef SECRETS_AUDIT_HANDOVER_H
#define SECRETS_AUDIT_HANDOVER_H

#include "audit/queue.h"
#include "keyring/keyring.h"

extern void handover_init(void);

/* Whether it failed a moment ago, and is not to be tried yet. */
extern bool handover_is_early(void);

/* In a transaction: makes a packet of what is queued.  False: there is nothing to send. */
extern bool handover_prepare(Queue *queue, const AuditKey *key);

/*
 * Outside of one: sends it and waits for the answer.  NULL: the lines are off
 * the queue.  Else why they are not, in words that anybody may read; valid for
 * ever.
 */
extern const char *handover_send(Queue *queue);

/* Ends the connection if it has been idle: who wants to drop the database on the primary shall not find us there. */
extern void handover_rest(void);
extern void handover_end(void);

/* What an answer to a packet is, from the packet's MAC.  False: sealed. */
extern bool handover_answer(const AuditKey *key, const uint8 packet_mac[HASH_LEN], uint8 answer[HASH_LEN]);

#endif
