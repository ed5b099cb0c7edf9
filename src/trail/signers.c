/*
 * trail/signers.c
 */
#include "postgres.h"

#include "utils/hsearch.h"

#include "base/compat.h"
#include "crypto/crypto.h"
#include "gate/gate.h"
#include "trail/signers.h"

typedef struct Signer
{
	int			version;
	bool		is_here;
	AuditKey	key;
	int64		unchecked;		/* how much of it could not be checked */
	TimestampTz first;			/* the oldest of that */
} Signer;

struct Signers
{
	HTAB	   *by_version;
	Signer	   *last;			/* who it is nearly always */
};

Signers *
signers_begin(void)
{
	HASHCTL		options = {.keysize = sizeof(int),.entrysize = sizeof(Signer),.hcxt = CurrentMemoryContext};
	Signers    *signers = palloc0(sizeof(Signers));

	signers->by_version = hash_create("signers of the audit log", 16, &options, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return signers;
}

static Signer *
find_signer(Signers *signers, int version)
{
	bool		found;

	if (signers->last && signers->last->version == version)
		return signers->last;
	signers->last = hash_search(signers->by_version, &version, HASH_ENTER, &found);
	if (!found)
	{
		signers->last->unchecked = 0;
		signers->last->first = DT_NOEND;
		signers->last->is_here = version > 0 && keyring_find_audit_key(version, &signers->last->key);
	}
	return signers->last;
}

Signature
signers_check(Signers *signers, int version, TimestampTz at, const uint8 hash[HASH_LEN], const uint8 mac[AUDIT_MAC_LEN])
{
	Signer	   *signer = find_signer(signers, version);
	uint8		expected[AUDIT_MAC_LEN];

	if (signer->is_here && audit_mac(&signer->key, hash, expected))
		return crypto_equal(expected, mac, AUDIT_MAC_LEN) ? SIGNATURE_RIGHT : SIGNATURE_WRONG;
	gate_require_open();
	signer->unchecked++;
	signer->first = Min(signer->first, at);
	return SIGNATURE_UNKNOWN;
}

void
signers_report(Signers *signers, const Report *report)
{
	HASH_SEQ_STATUS all;
	Signer	   *signer;

	hash_seq_init(&all, signers->by_version);
	while ((signer = hash_seq_search(&all)) != NULL)
		if (signer->unchecked > 0)
			report_problem(report, "key", signer->first, NO_EVENT,
						   "version %d of the master key is not here: nothing can be said of what names it, lines and digests, " INT64_FORMAT " in all",
						   signer->version, signer->unchecked);
}
