/*
 * rotation/rotate_role.c: roles of this cluster.
 *
 * One role: its password and the new version are one transaction's.  A pair: two
 * roles that stand for each other; the one that is not in use gets a new
 * password, and the secret names it from then on.  Whoever still has the other
 * goes on until the rotation after.
 */
#include "postgres.h"

#include "catalog/catalog.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "base/options.h"
#include "base/refuse.h"
#include "gate/gate.h"
#include "policy/role.h"
#include "rotation/credential.h"
#include "rotation/local.h"
#include "rotation/managed.h"
#include "rotation/rotator.h"
#include "rotation/sessions.h"

typedef struct RoleOptions
{
	char	   *role;			/* NULL: as the value says */
	List	   *roles;
	char	   *sessions;
	int			adopt;
	PasswordOptions password;
} RoleOptions;

static RoleOptions
read_options(const Turn *turn, bool pair)
{
	RoleOptions read = {.sessions = "keep",.password = PASSWORD_OPTIONS_DEFAULT};
	Option		of_one[] = {
		{"role", OPTION_TEXT, &read.role}, {"sessions", OPTION_TEXT, &read.sessions}, {"adopt", OPTION_BOOL, &read.adopt},
		PASSWORD_OPTION_ROWS(read.password)
	};
	Option		of_pair[] = {
		{"roles", OPTION_TEXTS, &read.roles}, {"sessions", OPTION_TEXT, &read.sessions}, {"adopt", OPTION_BOOL, &read.adopt},
		PASSWORD_OPTION_ROWS(read.password)
	};

	if (pair)
		options_read((Jsonb *) turn->rotation.options, of_pair, lengthof(of_pair));
	else
		options_read((Jsonb *) turn->rotation.options, of_one, lengthof(of_one));
	return read;
}

/* ---- who it is about ---- */

static Oid
role_of_name(const char *name)
{
	Oid			role = get_role_oid(name, true);

	if (IsReservedName(name))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("a predefined role has no password"));
	if (!OidIsValid(role))
		REFUSE(ERRCODE_UNDEFINED_OBJECT, errmsg("no such role"),
			   errhint("The options name the role whose password it is."));
	return role;
}

/*
 * Locked, and then asked again: while it was waited for, a role may have become a
 * superuser's or somebody else's.
 */
static void
lock_roles(const Turn *turn)
{
	const Oid  *roles = turn->roles;
	int			n = OidIsValid(roles[1]) ? 2 : 1;

	for (int i = 0; i < n; i++)
		local_require_right(turn->scheduler, roles[i]);
	local_lock_all(roles);
	for (int i = 0; i < n; i++)
		local_require_right(turn->scheduler, roles[i]);
}

/* Known by their tags from now on. */
static void
name_roles(Turn *turn, List *names)
{
	ListCell   *cell;
	int			n = 0;

	foreach(cell, names)
		turn->roles[n++] = role_of_name(lfirst(cell));
	lock_roles(turn);
	turn->rotation.roles = names;
	turn->rotation.role_tags = NIL;
	for (int i = 0; i < n; i++)
	{
		char		tag[NAMEDATALEN];

		role_make_tag(turn->roles[i], NULL, tag);
		turn->rotation.role_tags = lappend(turn->rotation.role_tags, pstrdup(tag));
	}
	if (rotation_has_other(&turn->rotation.secret_id, turn->rotation.role_tags))
		REFUSE(ERRCODE_DUPLICATE_OBJECT,
			   errmsg("another secret's rotation changes the password of this role already"),
			   errhint("A role's password can be in step with one secret only."));
	rotation_delete_of_deleted(turn->rotation.role_tags);
}

bool
managed_find_roles(const Rotation *rotation, Oid roles[2])
{
	ListCell   *name;
	ListCell   *tag;
	int			n = 0;

	roles[0] = roles[1] = InvalidOid;
	forboth(name, rotation->roles, tag, rotation->role_tags)
	{
		Oid			role = n < 2 ? role_of_tag(lfirst(tag), get_role_oid(lfirst(name), true)) : InvalidOid;

		if (!OidIsValid(role))
			return false;
		roles[n++] = role;
	}
	return n > 0;
}

static void
find_roles(Turn *turn)
{
	if (!managed_find_roles(&turn->rotation, turn->roles))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the role whose password it is has been dropped"),
			   errhint("secrets.schedule_rotation() names another; secrets.unschedule_rotation() ends it."));
	lock_roles(turn);
}

/* ---- scheduling: are the two in step? ---- */

/*
 * Options can leave so little to chance that whoever chose them knows the value,
 * and adopting one makes it a password: for who may write it anyhow.
 */
static void
require_write(const Turn *turn, const RoleOptions *options)
{
	const PasswordOptions usual = PASSWORD_OPTIONS_DEFAULT;

	if (options->adopt == 1 || options->password.length != usual.length || options->password.exclude[0] != '\0'
		|| options->password.classes != NIL)
		(void) turn_require(turn, PRIV_WRITE);
}

/* A role's password changes: that is on record, too. */
static void
adopt_password(const Turn *turn, Oid role, SecretBuffer *password)
{
	AuditRecord record = {
		.action = ACTION_CONFIG,.outcome = OUTCOME_ALLOWED,.role = turn->pass.role,.name = turn->secret.name,
		.id = &turn->secret.id,.version = turn->secret.current_version
	};
	StringInfoData detail;

	local_set_password(role, password);
	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"rotation\": \"password adopted\", \"role\": ");
	escape_json(&detail, GetUserNameFromId(role, false));
	appendStringInfoChar(&detail, '}');
	record.detail = detail.data;
	audit_record_change(&record);
}

static void
check_in_step(Turn *turn, Oid role, SecretBuffer *password, bool adopt)
{
	if (!local_can_login(role))
		ereport(WARNING, (errmsg("role \"%s\" cannot log in", GetUserNameFromId(role, false)),
						  errhint("ALTER ROLE ... LOGIN, and VALID UNTIL a time to come.")));
	/* To say whether it is right is to let somebody guess: for who could read it. */
	if (turn->rotates_at_once || !(adopt || gate_allows(PRIV_READ, turn->secret.name, NULL)) || local_verifies(role, password))
		return;
	if (adopt)
		adopt_password(turn, role, password);
	else
		ereport(WARNING,
				(errmsg("the stored password is not that of role \"%s\"", GetUserNameFromId(role, false)),
				 errhint("The next rotation brings them together. To have it now: rotate_now => true for a new password, "
						 "or the option \"adopt\": true to give the role the stored one.")));
}

/* That options and value are good is known when a value was made of them: not from the first rotation at night. */
static void
try_out(const Plain *plain, const PasswordOptions *options)
{
	SecretBuffer *password = credential_new_password(options);
	Plain		sample = credential_replace(plain, NULL, password);

	buffer_free(sample.bytes);
	buffer_free(password);
}

static void
check_role(Turn *turn, bool scheduling)
{
	RoleOptions options = read_options(turn, false);
	Plain		plain;
	Credential	credential;

	(void) sessions_read(options.sessions);
	require_write(turn, &options);
	if (!scheduling)
	{
		find_roles(turn);
		return;
	}
	plain = turn_open(turn, NO_VERSION);
	credential = credential_read(&plain);
	if (options.role == NULL)
		options.role = credential.username;
	if (options.role == NULL)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("option \"role\" is missing"),
			   errhint("It names the role whose password this is; a JSON value may say it as \"username\"."));
	name_roles(turn, list_make1(options.role));
	try_out(&plain, &options.password);
	check_in_step(turn, turn->roles[0], credential.password, options.adopt == 1);
	buffer_free(credential.password);
	buffer_free(plain.bytes);
}

/* ---- rotating ---- */

/*
 * Where the sessions from before the last rotation are to end yet, the time
 * stays, and those that came since end with them: else rotations that come more
 * often than the delay would put it off for ever.
 */
static void
end_sessions_later(Rotation *rotation, const char *tag, TimestampTz when)
{
	if (rotation->terminate_role == NULL || strcmp(rotation->terminate_role, tag) != 0)
		rotation->terminate_at = NEVER;
	rotation->terminate_at = Min(rotation->terminate_at, when);
	rotation->terminate_before = NEVER;
	rotation->terminate_role = pstrdup(tag);
}

static Generated
give_password(Turn *turn, const Plain *old, Oid role, const RoleOptions *options)
{
	SecretBuffer *password = credential_new_password(&options->password);
	Generated	made = {.ends_at = NEVER};
	int64		delay = sessions_read(options->sessions);

	made.plain = credential_replace(old, GetUserNameFromId(role, false), password);
	local_set_password(role, password);
	buffer_free(password);
	if (delay != SESSIONS_KEEP)
	{
		char		tag[NAMEDATALEN];

		(void) role_read_tag(role, tag);
		end_sessions_later(&turn->rotation, tag, GetCurrentTimestamp() + delay);
	}
	return made;
}

static Generated
rotate_role(Turn *turn)
{
	RoleOptions options = read_options(turn, false);
	Plain		old = turn_open(turn, NO_VERSION);
	Generated	made = give_password(turn, &old, turn->roles[0], &options);

	buffer_free(old.bytes);
	return made;
}

const Rotator rotator_role = {.name = "role",.check = check_role,.rotate = rotate_role};

/* ---- a pair ---- */

/* As it is called, or was when it was scheduled: a rename does not reach into the value. */
static bool
is_called(const Turn *turn, int i, const char *name)
{
	return name && (strcmp(name, GetUserNameFromId(turn->roles[i], false)) == 0
					|| strcmp(name, list_nth(turn->rotation.roles, i)) == 0);
}

/* Which of the two the value names; 55000 where neither. */
static int
find_in_use(const Turn *turn, const Credential *credential)
{
	for (int i = 0; i < 2; i++)
		if (is_called(turn, i, credential->username))
			return i;
	REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		   errmsg("the secret's username is neither of the two roles"),
		   errhint("The value is a JSON object with username and password; the username is one of the pair."));
}

/* What one of them makes the other must be able to use: both belong to one group that owns it. */
static void
check_common_group(const Turn *turn)
{
	if (!role_have_common_group(turn->roles[0], turn->roles[1]))
		ereport(WARNING,
				(errmsg("the two roles are members of no common role"),
				 errhint("Let both be members of one role that owns what they use: "
						 "else the one has no right to what the other has made.")));
}

static void
check_pair(Turn *turn, bool scheduling)
{
	RoleOptions options = read_options(turn, true);
	Plain		plain;
	Credential	credential;
	int			in_use;

	(void) sessions_read(options.sessions);
	require_write(turn, &options);
	if (!scheduling)
	{
		find_roles(turn);
		return;
	}
	if (list_length(options.roles) != 2 || strcmp(linitial(options.roles), lsecond(options.roles)) == 0)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("option \"roles\" must name two roles"),
			   errhint("As in {\"roles\": [\"app_a\", \"app_b\"]}."));
	plain = turn_open(turn, NO_VERSION);
	credential = credential_read(&plain);
	name_roles(turn, options.roles);
	in_use = find_in_use(turn, &credential);
	check_common_group(turn);
	try_out(&plain, &options.password);
	check_in_step(turn, turn->roles[in_use], credential.password, options.adopt == 1);
	buffer_free(credential.password);
	buffer_free(plain.bytes);
}

static Generated
rotate_pair(Turn *turn)
{
	RoleOptions options = read_options(turn, true);
	Plain		old = turn_open(turn, NO_VERSION);
	Credential	credential = credential_read(&old);
	Oid			next = turn->roles[1 - find_in_use(turn, &credential)];
	Generated	made = give_password(turn, &old, next, &options);

	buffer_free(credential.password);
	buffer_free(old.bytes);
	return made;
}

const Rotator rotator_role_pair = {.name = "role_pair",.check = check_pair,.rotate = rotate_pair};
