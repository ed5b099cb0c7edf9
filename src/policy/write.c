/*
 * policy/write.c: changing rules, through SPI and as the owner of the
 * catalogs, so that triggers see it; and giving the database its home.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "base/refuse.h"
#include "crypto/random.h"
#include "policy/rule.h"

/* Rows, as rules in the caller's own memory. */
static List *
run(Statement *statement, Datum *values, const char *nulls)
{
	MemoryContext mine = CurrentMemoryContext;
	Caller		caller = as_owner();
	List	   *rules = NIL;
	uint64		n;

	SPI_connect();
	n = statement_run(statement, values, nulls, 0);
	for (uint64 i = 0; SPI_tuptable && i < n; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(mine);
		Rule	   *rule = palloc(sizeof(Rule));

		rule_decode(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, rule);
		rules = lappend(rules, rule);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	as_caller(caller);
	return rules;
}

Datum
rule_encode_privileges(PrivilegeSet set)
{
	Datum		words[NUM_PRIVILEGES];
	int			n = 0;

	for (int privilege = 0; privilege < NUM_PRIVILEGES; privilege++)
		if (set & PRIVILEGE(privilege))
			words[n++] = CStringGetTextDatum(privilege_name((Privilege) privilege));
	return PointerGetDatum(construct_array(words, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static void
set_privileges(const Rule *rule)
{
	static Statement statement = STATEMENT(
		"UPDATE secrets_catalog.rule SET privileges = $2 WHERE id" EQ "$1", 2, {UUIDOID, TEXTARRAYOID});
	Datum		values[] = {UUIDPGetDatum(&rule->id), rule_encode_privileges(rule->privileges)};

	run(&statement, values, NULL);
}

#define RULE_TYPES \
	{UUIDOID, TEXTOID, TEXTARRAYOID, TEXTOID, TEXTOID, OIDOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, \
	 INETOID, BOOLOID, TEXTOID, TIMESTAMPTZOID}

static void
encode(const Rule *rule, Datum *values, char *nulls)
{
	memset(nulls, ' ', RULE_WRITTEN_COLUMNS);
	values[RULE_ID - 1] = UUIDPGetDatum(&rule->id);
	values[RULE_EFFECT - 1] = CStringGetTextDatum(rule->deny ? "deny" : "allow");
	values[RULE_PRIVILEGES - 1] = rule_encode_privileges(rule->privileges);
	values[RULE_PATTERN - 1] = CStringGetTextDatum(rule->pattern);
	values[RULE_GRANTEE - 1] = CStringGetTextDatum(rule->grantee);
	values[RULE_GRANTEE_OID - 1] = ObjectIdGetDatum(rule->grantee_oid);
	values[RULE_GRANTEE_TAG - 1] = CStringGetTextDatum(rule->grantee_tag);
	values[RULE_VALID_FROM - 1] = TimestampTzGetDatum(rule->valid_from);
	values[RULE_VALID_UNTIL - 1] = TimestampTzGetDatum(rule->valid_until);
	values[RULE_NETWORK - 1] = InetPGetDatum(rule->network);
	values[RULE_SSL - 1] = BoolGetDatum(rule->ssl == 1);
	values[RULE_GRANTED_BY - 1] = rule->granted_by ? CStringGetTextDatum(rule->granted_by) : (Datum) 0;
	values[RULE_GRANTED_AT - 1] = TimestampTzGetDatum(rule->granted_at);
	if (rule->network == NULL)
		nulls[RULE_NETWORK - 1] = 'n';
	if (rule->ssl < 0)
		nulls[RULE_SSL - 1] = 'n';
	if (rule->granted_by == NULL)
		nulls[RULE_GRANTED_BY - 1] = 'n';
}

/* A dump shall carry the name that the role has by now. */
static void
refresh_names(const Rule *rule)
{
	static Statement statements[] = {
		STATEMENT("UPDATE secrets_catalog.rule SET grantee = $2 WHERE grantee_tag" EQ "$1 AND grantee OPERATOR(pg_catalog.<) $2",
				  2, {TEXTOID, TEXTOID}),
		STATEMENT("UPDATE secrets_catalog.rule SET grantee = $2 WHERE grantee_tag" EQ "$1 AND grantee OPERATOR(pg_catalog.>) $2",
				  2, {TEXTOID, TEXTOID}),
	};
	Datum		values[] = {CStringGetTextDatum(rule->grantee_tag), CStringGetTextDatum(rule->grantee)};

	/* By the index: there may be thousands of the right name. */
	for (int i = 0; i < lengthof(statements) && !rule_is_public(rule); i++)
		run(&statements[i], values, NULL);
}

/* The conflict names its index: a plan made while there were few rules would choose another. */
void
policy_add_rule(Rule *rule)
{
	static Statement statement = STATEMENT(
		"INSERT INTO secrets_catalog.rule VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
		"ON CONFLICT (pattern, grantee_tag, effect, valid_from, valid_until, "
		"(COALESCE(pg_catalog.text(network), '')), (COALESCE(pg_catalog.text(ssl), ''))) "
		"DO UPDATE SET privileges = secrets_catalog.rule_merge(rule.privileges, excluded.privileges) RETURNING *",
		RULE_WRITTEN_COLUMNS, RULE_TYPES);
	Datum		values[RULE_WRITTEN_COLUMNS];
	char		nulls[RULE_WRITTEN_COLUMNS];

	if (!random_uuid(rule->id.data))
		refuse_crypto();
	refresh_names(rule);
	encode(rule, values, nulls);
	*rule = *(Rule *) linitial(run(&statement, values, nulls));
}

List *
policy_lock_rules(const char *pattern, bool deny)
{
	static Statement statement = STATEMENT(
		"SELECT * FROM secrets_catalog.rule WHERE pattern" EQ "$1 AND effect" EQ "$2 ORDER BY id FOR UPDATE",
		2, {TEXTOID, TEXTOID});
	Datum		values[] = {CStringGetTextDatum(pattern), CStringGetTextDatum(deny ? "deny" : "allow")};

	return run(&statement, values, NULL);
}

void
policy_take_privileges(Rule *rule, PrivilegeSet privileges)
{
	static Statement statement = STATEMENT("DELETE FROM secrets_catalog.rule WHERE id" EQ "$1", 1, {UUIDOID});
	Datum		values[] = {UUIDPGetDatum(&rule->id)};

	rule->privileges &= ~privileges;
	if (rule->privileges)
		set_privileges(rule);
	else
		run(&statement, values, NULL);
}

/* ---- home ---- */

static bool
has_home(void)
{
	Relation	rel = catalog_open(CATALOG_HOME);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	bool		any = HeapTupleIsValid(systable_getnext(scan));

	systable_endscan(scan);
	table_close(rel, NoLock);
	return any;
}

bool
policy_is_settled(void)
{
	static uint64 known_at = 0;
	static bool settled = false;
	uint64		now;

	if (known_at != rule_generation())
	{
		rule_listen();
		now = rule_generation();
		settled = has_home();
		known_at = now;			/* not before: looking may fail */
	}
	return settled;
}

/* The rules of one grantee of old: all of one tag, bound to one role. */
static void
rebind(const Grantee *grantee, const char *tag)
{
	static Statement statement = STATEMENT(
		"UPDATE secrets_catalog.rule SET grantee = $2, grantee_oid = $3, grantee_tag = $4 WHERE grantee_tag" EQ "$1",
		4, {TEXTOID, TEXTOID, OIDOID, TEXTOID});
	Datum		values[] = {
		CStringGetTextDatum(grantee->tag), CStringGetTextDatum(GetUserNameFromId(grantee->role, false)),
		ObjectIdGetDatum(grantee->role), CStringGetTextDatum(tag)
	};

	run(&statement, values, NULL);
}

static void
bind(const Grantee *grantee)
{
	char		tag[NAMEDATALEN];

	if (!role_lock(grantee->role))
		return;
	role_make_tag(grantee->role, grantee->tag, tag);
	if (grantee->role != grantee->likely || strcmp(tag, grantee->tag) != 0)
		rebind(grantee, tag);
}

static void
bind_all(void)
{
	ListCell   *cell;

	foreach(cell, grantees_with_role())
		bind(lfirst(cell));
}

static void
make_home(void)
{
	Oid			types[] = {TIMESTAMPTZOID, INT8OID, OIDOID};
	Datum		values[] = {
		TimestampTzGetDatum(GetCurrentTimestamp()), Int64GetDatum((int64) GetSystemIdentifier()),
		ObjectIdGetDatum(MyDatabaseId)
	};

	catalog_run_once("INSERT INTO secrets_catalog.home VALUES ($1, $2, $3)", lengthof(types), types, values);
}

#define OUR_TRIGGERS_THAT_ARE_NOT_ALWAYS \
	"FROM pg_catalog.pg_trigger t WHERE tgname" EQ "ANY (ARRAY['rules_changed', 'rules_truncated', 'audit_change', " \
	"'audit_truncate']::pg_catalog.name[]) AND tgrelid" EQ "ANY (ARRAY(SELECT oid FROM pg_catalog.pg_class " \
	"WHERE relnamespace" EQ "'secrets_catalog'::pg_catalog.regnamespace)) AND NOT tgisinternal AND tgenabled" NE "'A'"

/* Not waiting for anybody who uses the table. */
static bool
may_alter(HeapTuple row, TupleDesc desc, bool wait)
{
	bool		isnull;
	Oid			relid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &isnull));

	return wait || ConditionalLockRelationOid(relid, ShareRowExclusiveLock);
}

/*
 * What pg_restore --disable-triggers did: it enables them again, but no more
 * ALWAYS.  Or somebody else, who wants to change something unseen.
 */
int
policy_set_triggers_back(bool wait)
{
	MemoryContext mine = CurrentMemoryContext;
	List	   *commands = NIL;
	Caller		caller = as_owner();
	ListCell   *cell;

	SPI_connect();
	if (SPI_execute("SELECT tgrelid, pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', "
					"tgrelid::pg_catalog.regclass, tgname) " OUR_TRIGGERS_THAT_ARE_NOT_ALWAYS, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the triggers of the catalogs");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(mine);

		if (may_alter(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, wait))
			commands = lappend(commands, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2));
		MemoryContextSwitchTo(spi);
	}
	foreach(cell, commands)
		if (SPI_execute(lfirst(cell), false, 0) != SPI_OK_UTILITY)
			elog(ERROR, "could not alter a trigger of the catalogs");
	SPI_finish();
	as_caller(caller);
	return list_length(commands);
}

void
policy_settle(void)
{
	if (policy_is_settled())
		return;
	LockRelationOid(catalog_oid(CATALOG_HOME), ShareRowExclusiveLock);
	if (has_home())
		return;
	(void) policy_set_triggers_back(true);
	bind_all();
	make_home();
}
