/*
 * secrets.c: the front door.
 *
 * Each room initialises itself, ground floor first.  What needs to be running
 * (shared memory, the root key) waits for its hook: postgres -C comes by here
 * and must do nothing else.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/compat.h"
#include "keyring/keyring.h"
#include "kv/kv.h"
#include "policy/policy.h"
#include "redact/redact.h"
#include "rotation/rotation.h"
#include "store/store.h"

SECRETS_MODULE_MAGIC(SECRETS_VERSION);

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	catalog_init();
	redact_init();
	keyring_init();
	store_init();
	policy_init();
	audit_init();
	kv_init();
	rotation_init();
	MarkGUCPrefixReserved("secrets");
}
