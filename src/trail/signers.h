/*
 * trail/signers.h: the keys that lines and digests were signed with.
 */
#ifndef SECRETS_TRAIL_SIGNERS_H
#define SECRETS_TRAIL_SIGNERS_H

#include "audit/digest.h"
#include "trail/report.h"

typedef struct Signers Signers;

extern Signers *signers_begin(void);

typedef enum Signature
{
	SIGNATURE_RIGHT, SIGNATURE_WRONG, SIGNATURE_UNKNOWN	/* the key is not here */
} Signature;

/* Of something that was written then, under the master key of that version.  58000 where the server was sealed meanwhile. */
extern Signature signers_check(Signers *signers, int version, TimestampTz at,
							   const uint8 hash[HASH_LEN], const uint8 mac[AUDIT_MAC_LEN]);

/* The keys that were not there. */
extern void signers_report(Signers *signers, const Report *report);

#endif
