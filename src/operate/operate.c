/*
 * operate/operate.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "base/catalog.h"
#include "base/refuse.h"
#include "gate/gate.h"
#include "keyring/keyring.h"
#include "operate/operate.h"
#include "rotation/scheduler.h"
#include "store/store.h"

/* The version of the library's own making; the control file is where it is written. */
#ifndef SECRETS_VERSION
#error "the Makefile says which version this is"
#endif

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL || text[0] == '\0';
	return *isnull ? (Datum) 0 : CStringGetTextDatum(text);
}

/* For how long the first line that is not written yet has been waiting. */
static Interval *
lag_since(TimestampTz oldest)
{
	Interval   *lag = palloc0(sizeof(Interval));

	if (oldest != 0)
		lag->time = Max(GetCurrentTimestamp() - oldest, 0);
	return lag;
}

static void
describe_audit(Datum *values, bool *nulls)
{
	AuditStatus audit;

	audit_get_status(&audit);
	nulls[0] = audit.pid == 0;
	values[0] = Int32GetDatum(audit.pid);
	nulls[1] = nulls[2] = false;
	values[1] = Int64GetDatum(audit.queued);
	values[2] = IntervalPGetDatum(lag_since(audit.oldest));
}

static void
describe_scheduler(Datum *values, bool *nulls)
{
	int64		job;
	TimestampTz last;

	scheduler_get_status(&job, &last);
	nulls[0] = job == 0;
	values[0] = Int64GetDatum(job);
	nulls[1] = last == 0;
	values[1] = TimestampTzGetDatum(last);
}

void
operate_status(Datum *values, bool *nulls)
{
	KeyringStatus keys;

	gate_require_status();
	keyring_get_status(&keys);
	values[0] = text_or_null(SECRETS_VERSION, &nulls[0]);
	values[1] = text_or_null(keys.state, &nulls[1]);
	values[2] = text_or_null(keys.why, &nulls[2]);
	values[3] = text_or_null(keys.source, &nulls[3]);
	values[4] = text_or_null(keys.root_id, &nulls[4]);
	nulls[5] = keys.nmasters == 0;
	values[5] = Int64GetDatum(keys.master_version);
	nulls[6] = false;
	values[6] = Int64GetDatum(store_count_secrets());
	nulls[7] = false;
	/* With one master key there is nothing to look for, and a large table not to be read for it. */
	values[7] = Int64GetDatum(keys.nmasters > 1
							  ? store_count_other_keys(keys.master_id) : 0);
	describe_audit(&values[8], &nulls[8]);
	describe_scheduler(&values[11], &nulls[11]);
}

void
operate_seal(void)
{
	GatePass	pass = gate_require_operator();

	/* What is queued is signed while it can be: sealed, it waits in memory. */
	gate_record_act(&pass, true, "sealed");
	(void) audit_flush(1000);
	keyring_seal(&pass);
	ereport(LOG, (errmsg("secrets: sealed by secrets.seal()")));
}

bool
operate_unseal(void)
{
	GatePass	pass = gate_require_operator();
	KeyringStatus keys;
	char	   *why;

	if (keyring_unseal(&pass, &why))
	{
		ereport(LOG, (errmsg("secrets: unsealed, with root key %s", keyring_root_id())));
		gate_end_restore();
		gate_record_act(&pass, true, "unsealed");
		return true;
	}
	keyring_get_status(&keys);
	REFUSE(ERRCODE_SYSTEM_ERROR,
		   keys.root_id ? errmsg("the root key cannot be taken again; the one in memory stays")
		   : errmsg("secrets stays sealed"),
		   errdetail("%s.", why),
		   errhint("secrets.root_key in postgresql.conf names the place of the root key; reload after a change."));
}

char *
operate_add_root_key(const char *place)
{
	GatePass	pass = gate_require(PRIV_OPERATE, NULL);

	if (!superuser())
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE, errmsg("only a superuser may add a root key"));
	gate_begin_change();
	return keyring_add_root(&pass, place);
}

void
operate_drop_root_key(const char *id)
{
	GatePass	pass = gate_require(PRIV_OPERATE, NULL);

	if (!superuser())
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE, errmsg("only a superuser may drop a root key"));
	gate_begin_change();
	keyring_drop_root(&pass, id);
}

int64
operate_rotate_master_key(void)
{
	GatePass	pass = gate_require(PRIV_OPERATE, NULL);

	gate_begin_change();
	return keyring_rotate(&pass);
}
