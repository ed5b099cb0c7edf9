/*
 * rotation/rotate_function.c: a rotator that is somebody's function
 *
 *	f(name text, step text, candidate text, options jsonb) returns text
 *
 * called in four steps.  "create" may return another candidate than the one
 * proposed; "set" brings it to the other side, "test" tries it there, "finish"
 * runs in the transaction that makes it current.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "base/catalog.h"
#include "base/compat.h"
#include "base/options.h"
#include "base/refuse.h"
#include "gate/gate.h"
#include "kv/json.h"
#include "redact/values.h"
#include "rotation/cage.h"
#include "rotation/credential.h"
#include "rotation/rotator.h"

#define NARGS 4
#define MOST_MEMBERS 32			/* of a value, that are looked for in messages; with more, any part of it is */

/* ---- which function ---- */

/* By the search_path, or by its schema; exactly these arguments. */
static Oid
look_up(const char *name)
{
	static const Oid types[NARGS] = {TEXTOID, TEXTOID, TEXTOID, JSONBOID};
	List	   *parts;
	List	   *names = NIL;
	ListCell   *cell;

	if (!SplitIdentifierString(pstrdup(name), '.', &parts) || list_length(parts) < 1 || list_length(parts) > 2)
		return InvalidOid;
	foreach(cell, parts)
		names = lappend(names, makeString(lfirst(cell)));
	return LookupFuncName(names, NARGS, types, true);
}

/* What may be had as one: not in a schema that is another one in each session, either. */
static bool
is_rotator(const FormData_pg_proc *proc)
{
	return proc->prokind == PROKIND_FUNCTION && proc->prorettype == TEXTOID && !proc->proretset
		&& !isAnyTempNamespace(proc->pronamespace);
}

pg_noreturn static void
refuse_name(bool scheduling)
{
	REFUSE(scheduling ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		   scheduling ? errmsg("no such rotator") : errmsg("the function of this rotation is not there any more"),
		   errhint("A rotator is generate, role, role_pair, postgres, or a function "
				   "f(name text, step text, candidate text, options jsonb) returns text."));
}

/* Whoever owns it can put another in its place, which would then run as who scheduled this one. */
static void
require_owner(Oid owner, Oid scheduler)
{
	if (owner != scheduler && !superuser_arg(owner))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the function of this rotation is somebody else's"),
			   errdetail("It would run as the role that schedules it, and its owner can replace it."),
			   errhint("ALTER FUNCTION ... OWNER TO that role, or to a superuser."));
}

static void
require_execute(Oid function, Oid scheduler)
{
	if (!MAY_EXECUTE(function, scheduler))
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("permission denied for the function of this rotation"),
			   errhint("GRANT EXECUTE ON FUNCTION ... to the role that schedules it."));
}

/* Each time anew, and so is all that makes it safe. */
static Oid
find_function(const Turn *turn, bool scheduling)
{
	Oid			function = look_up(turn->rotation.rotator);
	HeapTuple	tuple = OidIsValid(function) ? SearchSysCache1(PROCOID, ObjectIdGetDatum(function)) : NULL;
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		refuse_name(scheduling);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (!is_rotator(proc))
		refuse_name(scheduling);
	require_owner(proc->proowner, turn->scheduler);
	ReleaseSysCache(tuple);
	require_execute(function, turn->scheduler);
	InvokeFunctionExecuteHook(function);
	return function;
}

/* So that no search_path decides about it later. */
static char *
full_name(Oid function)
{
	return quote_qualified_identifier(get_namespace_name(get_func_namespace(function)), get_func_name(function));
}

/* ---- options ---- */

/* Of the function's own options those that are about passwords. */
static PasswordOptions
read_password_options(struct varlena *given)
{
	PasswordOptions password = PASSWORD_OPTIONS_DEFAULT;
	Option		known[] = {PASSWORD_OPTION_ROWS(password)};
	JsonbParseState *state = NULL;
	JsonbValue *ours;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < lengthof(known); i++)
	{
		int			len = (int) strlen(known[i].key);
		JsonbValue	key = {.type = jbvString,.val.string = {.len = len,.val = unconstify(char *, known[i].key)}};
		JsonbValue *value = getKeyJsonValueFromContainer(&((Jsonb *) given)->root, known[i].key, len, NULL);

		if (value == NULL)
			continue;
		(void) pushJsonbValue(&state, WJB_KEY, &key);
		(void) pushJsonbValue(&state, WJB_VALUE, value);
	}
	ours = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	options_read(JsonbValueToJsonb(ours), known, lengthof(known));
	return password;
}

static SecretBuffer *
new_password(const Turn *turn)
{
	PasswordOptions options = read_password_options(turn->rotation.options);

	return credential_new_password(&options);
}

/* It sees candidates and may choose them: that is to read and to write. */
static void
check(Turn *turn, bool scheduling)
{
	Oid			function;

	(void) turn_require(turn, PRIV_READ);
	(void) turn_require(turn, PRIV_WRITE);
	function = find_function(turn, scheduling);
	buffer_free(new_password(turn));
	if (scheduling)
		turn->rotation.rotator = full_name(function);
}

/* ---- what its messages must not tell ---- */

typedef struct Hidden
{
	CleanValue	values[4 * (MOST_MEMBERS + 1)];
	int			n;
} Hidden;

static bool
is_object(const char *bytes, Size len)
{
	return json_check_object((JsonText) {bytes, len}) == JSON_OK;
}

/* Parts of an object are names of members, and hosts; its members are what counts. */
static void
hide_bytes(Hidden *hidden, const char *bytes, Size len, bool is_text)
{
	CleanValue	whole = {bytes, len, false};
	int			members = -1;

	if (is_text && is_object(bytes, len))
		members = clean_members(bytes, len, buffer_data(buffer_alloc(len)), &hidden->values[hidden->n], MOST_MEMBERS);
	if (members >= 0)
	{
		whole.only_whole = true;
		hidden->n += members;
	}
	hidden->values[hidden->n++] = whole;
}

/* As it is kept, and as the function gets it. */
static void
hide(Hidden *hidden, const Plain *plain)
{
	text	   *in_server_encoding;

	value_remember(plain);
	hide_bytes(hidden, buffer_data(plain->bytes), buffer_len(plain->bytes), plain->content != BOX_BYTES);
	if (GetDatabaseEncoding() == PG_UTF8 || value_text_problem(plain))
		return;
	in_server_encoding = value_to_text(plain);
	buffer_wipe_later(in_server_encoding, VARSIZE(in_server_encoding));
	hide_bytes(hidden, VARDATA(in_server_encoding), VARSIZE(in_server_encoding) - VARHDRSZ, true);
}

/* What is still in use over there; it may have been taken away. */
static bool
open_current(const Turn *turn, Plain *plain)
{
	Version		version;

	return turn->secret.current_version != NO_VERSION
		&& store_get_version(&turn->secret, turn->secret.current_version, &version) && version.value
		&& value_try_open(&turn->pass, &turn->secret, &version, plain);
}

/* ---- steps ---- */

static text *
call(Turn *turn, const char *step, const Plain *candidate)
{
	Hidden		hidden = {.n = 0};
	Cage		cage = {.role = turn->scheduler,.what = psprintf("step \"%s\"", step),.hidden = hidden.values};
	text	   *given = value_to_text(candidate);
	Datum		args[NARGS] = {
		CStringGetTextDatum(turn->secret.name), CStringGetTextDatum(step), PointerGetDatum(given),
		PointerGetDatum(turn->rotation.options)
	};
	Plain		current;
	text	   *result;

	buffer_wipe_later(given, VARSIZE(given));
	hide(&hidden, candidate);
	if (open_current(turn, &current))
		hide(&hidden, &current);
	cage.nhidden = hidden.n;
	result = cage_call(&cage, find_function(turn, false), args, NARGS);
	if (result)
	{
		buffer_wipe_later(result, VARSIZE(result));
		values_remember(VARDATA(result), VARSIZE(result) - VARHDRSZ);
	}
	return result;
}

/*
 * Where the secret is locked by us the function can change it all the same, being
 * in the same transaction; but we have it in hand, and would write over that.
 */
static void
require_unchanged(const Turn *turn)
{
	Snapshot	snapshot = catalog_snapshot();
	Secret		secret;
	Rotation	rotation;

	if (!store_find_by_id(&turn->secret.id, snapshot, &secret) || !rotation_find(&turn->secret.id, &rotation)
		|| secret.changed_at != turn->secret.changed_at || secret.last_version != turn->secret.last_version
		|| secret.current_version != turn->secret.current_version || secret.deleted_at != turn->secret.deleted_at
		|| strcmp(secret.name, turn->secret.name) != 0 || rotation.counted_at != turn->rotation.counted_at)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the function of this rotation has itself changed the secret, or its schedule"));
	UnregisterSnapshot(snapshot);
}

static bool
has_password(const Plain *plain)
{
	JsonText	text = {buffer_data(plain->bytes), buffer_len(plain->bytes)};
	SecretBuffer *room = buffer_alloc(text.len);
	size_t		len;
	bool		has = plain->content != BOX_BYTES
		&& json_get_field(text, (JsonText) {"password", strlen("password")}, buffer_data(room), &len) == JSON_OK;

	buffer_free(room);
	return has;
}

/* A new password, or the credential that is there with it. */
static Plain
make_proposal(const Turn *turn)
{
	SecretBuffer *password = new_password(turn);
	Plain		current = turn_open(turn, NO_VERSION);
	Plain		proposal;

	if (has_password(&current))
		proposal = credential_replace(&current, NULL, password);
	else
		proposal = value_from_utf8(buffer_data(password), buffer_len(password));
	buffer_free(current.bytes);
	buffer_free(password);
	return proposal;
}

static Generated
propose(Turn *turn)
{
	Plain		proposal = make_proposal(turn);
	text	   *chosen = call(turn, "create", &proposal);
	Generated	made = {.plain = proposal,.ends_at = NEVER};

	require_unchanged(turn);
	if (chosen)
	{
		buffer_free(proposal.bytes);
		made.plain = value_from_text(chosen);
	}
	return made;
}

static void
set(Turn *turn, const Plain *candidate)
{
	(void) call(turn, "set", candidate);
}

static void
test(Turn *turn, const Plain *candidate)
{
	(void) call(turn, "test", candidate);
}

static void
finish(Turn *turn, const Plain *candidate)
{
	(void) call(turn, "finish", candidate);
	require_unchanged(turn);
}

const Rotator rotator_function = {
	.name = "function",.needs_own_process = true,.check = check,.propose = propose,.nsteps = 2,.steps = {set, test},.finish = finish
};
