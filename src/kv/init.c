/*
 * kv/init.c
 */
#include "postgres.h"

#include "miscadmin.h"

#include "crypto/keypair.h"
#include "kv/json.h"
#include "kv/kv.h"
#include "redact/redact.h"

static void
be_interruptible(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* Nothing may be raised while libcrypto holds a key: it is told to give up. */
static bool
is_interrupted(void)
{
	return QueryCancelPending || ProcDiePending;
}

void
kv_init(void)
{
	keypair_interrupted = is_interrupted;
	json_interrupt = be_interruptible;
	redact_guard_call("put", 2);
	redact_guard_call("put_bytes", 2);
	redact_guard_call("patch", 2);
	redact_guard_relation("inbox", "value");
	value_init();
}
