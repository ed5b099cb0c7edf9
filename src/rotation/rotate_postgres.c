/*
 * rotation/rotate_postgres.c: a role of another server.
 *
 * The candidate is stored and committed before anything is sent.  Then the role
 * there gets its verifier, by an admin's credential, which is a secret itself, or
 * by its own password; and a login proves that the candidate is the password
 * now.  Any of that may be cut off, and nobody knows then whether the other
 * server has it done.  So a try never believes the one before.  As an admin it
 * does all of it again: the same password, with another salt.  By its own
 * password it sees which lets it in: the stored one, then nothing was done; or
 * the candidate, then all was.
 *
 * A password is sent to no place that its readers have not chosen.  Who schedules
 * needs read on the secret, and on the admin's; and write, since who chooses the
 * server chooses what becomes of the value.  Of what a value says of the
 * place, which whoever may write it can change, the host and the port are
 * believed only where the server must prove itself (remote_is_bound()).
 *
 * What stands between is not seen through: behind a pooler that asks for
 * passwords itself, or that ends TLS, no login succeeds.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/jsonb.h"

#include "base/options.h"
#include "base/refuse.h"
#include "kv/common.h"
#include "rotation/credential.h"
#include "rotation/remote.h"
#include "rotation/rotator.h"

typedef struct PostgresOptions
{
	RemotePlace place;			/* NULL: not said */
	char	   *role;
	char	   *admin;			/* a secret's name */
	PasswordOptions password;
} PostgresOptions;

/* What is to be done, and where. */
typedef struct Job
{
	PostgresOptions options;
	RemotePlace place;
	const char *role;
	Credential	own;			/* of the value that it was prepared from */
	Credential	admin;			/* password NULL: there is none */
} Job;

/* ---- options ---- */

static bool
is_number(const Turn *turn, const char *key)
{
	Jsonb	   *options = (Jsonb *) turn->rotation.options;
	JsonbValue	value;

	return JB_ROOT_IS_OBJECT(options)
		&& getKeyJsonValueFromContainer(&options->root, key, (int) strlen(key), &value) != NULL
		&& value.type == jbvNumeric;
}

static PostgresOptions
read_options(const Turn *turn)
{
	PostgresOptions read = {.place.sslmode = "verify-full",.password = PASSWORD_OPTIONS_DEFAULT};
	bool		is_numeric = is_number(turn, "port");	/* 5432 and "5432" are the same */
	int			port = 0;
	Option		known[] = {
		{"host", OPTION_TEXT, &read.place.host},
		{"port", is_numeric ? OPTION_INT : OPTION_TEXT, is_numeric ? (void *) &port : (void *) &read.place.port},
		{"dbname", OPTION_TEXT, &read.place.dbname}, {"role", OPTION_TEXT, &read.role}, {"admin", OPTION_TEXT, &read.admin},
		{"sslmode", OPTION_TEXT, &read.place.sslmode}, {"sslrootcert", OPTION_TEXT, &read.place.sslrootcert},
		PASSWORD_OPTION_ROWS(read.password)
	};

	options_read((Jsonb *) turn->rotation.options, known, lengthof(known));
	if (is_numeric)
		read.place.port = psprintf("%d", port);
	if (!remote_knows_sslmode(read.place.sslmode))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("unknown sslmode"),
			   errhint("disable, allow, prefer, require, verify-ca, verify-full; the last is the default."));
	if (read.admin)
		check_name(read.admin);
	return read;
}

/* ---- the place ---- */

pg_noreturn static void
refuse_place(const char *key, const char *wanted)
{
	REFUSE(ERRCODE_INVALID_PARAMETER_VALUE, errmsg("the %s of the other server must be %s", key, wanted));
}

static void
check_port(const char *port)
{
	size_t		len = strlen(port);

	if (len < 1 || len > 5 || strspn(port, "0123456789") != len || atoi(port) < 1 || atoi(port) > 65535)
		refuse_place("port", "a number from 1 to 65535");
}

/* One place, and nothing that a message could be mistaken by: libpq takes a list, and an address with a zone. */
static void
check_host(const RemotePlace *place)
{
	static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:%";

	if (!remote_is_local(place) && strspn(place->host, good) != strlen(place->host))
		refuse_place("host", "one name or address");
	if (remote_is_local(place) && strchr(place->host, ',') != NULL)
		refuse_place("host", "one directory");
}

static void
check_roots(const Turn *turn, const RemotePlace *place)
{
	if (place->sslrootcert == NULL)
		return;
	if (strcmp(place->sslrootcert, "system") == 0)
	{
		if (!remote_knows_system_roots())
			REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
				   errmsg("this server's libpq does not know sslrootcert \"system\""),
				   errhint("It came with version 16."));
		return;
	}
	if (!superuser_arg(turn->scheduler))
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("permission denied: only a superuser may name a file of this server as sslrootcert"),
			   errhint("Without it ~/.postgresql/root.crt of the server's user counts, where an administrator can put it."));
}

/* Behind a Unix socket is this machine, to which the server's user is somebody. */
static void
check_place(const Turn *turn, const RemotePlace *place)
{
	check_host(place);
	check_port(place->port);
	if (remote_is_local(place) && !superuser_arg(turn->scheduler))
		REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
			   errmsg("permission denied: only a superuser may have a Unix socket connected to"));
	check_roots(turn, place);
}

/* What the options do not say the secret's value does, or the admin's. */
static const char *
choose(const char *option, const char *own, const char *admins)
{
	return option ? option : (own ? own : admins);
}

/*
 * Whoever may write a value, without reading it, could have the password in it
 * sent to a server of his own.  He learns nothing by that where libpq lets him
 * have nothing but SCRAM that is bound to his certificate.
 */
static void
require_named(const RemotePlace *place, const char *option, const char *chosen, const char *key)
{
	if (option == NULL && chosen != NULL && !remote_is_bound(place))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("option \"%s\" is missing", key),
			   errdetail("It is taken from the secret's value only where sslmode makes the server prove itself: "
						 "require, verify-ca, verify-full."));
}

static RemotePlace
choose_place(const PostgresOptions *options, const Credential *own, const Credential *admin)
{
	RemotePlace place = options->place;

	place.host = choose(place.host, own->host, admin->host);
	if (place.host == NULL)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("option \"host\" is missing"),
			   errhint("A JSON value may say it as \"host\"."));
	place.port = choose(place.port, own->port, admin->port);
	require_named(&place, options->place.host, place.host, "host");
	require_named(&place, options->place.port, place.port, "port");
	place.port = place.port ? place.port : "5432";
	place.dbname = choose(place.dbname, own->dbname, admin->dbname);
	place.dbname = place.dbname ? place.dbname : "postgres";
	return place;
}

/* ---- credentials ---- */

/* It is asked for, and noted as read, as any value. */
static Credential
read_admin(const char *name)
{
	ReadRequest request = {.name = name};
	text	   *value;
	Plain		plain;
	Credential	credential;

	(void) kv_get(&request, &value);
	buffer_wipe_later(value, VARSIZE_ANY(value));
	plain = value_from_text(value);
	credential = credential_read(&plain);
	buffer_free(plain.bytes);
	if (credential.username == NULL)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the secret named as admin says no username"),
			   errhint("It is a JSON object with username and password."));
	return credential;
}

/* A password that its own rotation changes would be out of step with the secret that the admin is. */
static void
check_admin(const Turn *turn, const Job *job)
{
	if (strcmp(job->options.admin, turn->secret.name) == 0 || strcmp(job->admin.username, job->role) == 0)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("the admin must be another role than the one whose password is rotated"),
			   errhint("Without the option \"admin\" the role changes its password by itself."));
}

static const char *
choose_role(const char *option, const Credential *own)
{
	const char *role = option ? option : own->username;

	if (role == NULL || role[0] == '\0')
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("option \"role\" is missing"),
			   errhint("It names the role whose password this is; a JSON value may say it as \"username\"."));
	return role;
}

/* From that value: where to, as whom, for whom; refused what the scheduler may not. */
static Job
prepare(const Turn *turn, const Plain *value)
{
	Job			job = {.options = read_options(turn)};

	job.own = credential_read(value);
	if (job.options.admin)
		job.admin = read_admin(job.options.admin);
	job.role = choose_role(job.options.role, &job.own);
	job.place = choose_place(&job.options, &job.own, &job.admin);
	check_place(turn, &job.place);
	if (job.options.admin)
		check_admin(turn, &job);
	return job;
}

static void
end_job(Job *job)
{
	buffer_free(job->own.password);
	if (job->admin.password)
		buffer_free(job->admin.password);
}

/* What the other server calls it. */
static const char *
there(const char *name)
{
	return pg_server_to_any(name, (int) strlen(name), PG_UTF8);
}

/* ---- before ---- */

/* Later in other words than the gate's, as turn_require(). */
static void
require_admin(const Turn *turn, const char *name)
{
	GatePass	pass;

	if (turn->is_scheduling)
	{
		(void) require(PRIV_READ, name);
		return;
	}
	pass = gate_ask(PRIV_READ, name);
	if (pass.granted)
		return;
	gate_record_refusal(&pass);
	REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
		   errmsg("permission denied: who scheduled this rotation may not read the admin's secret by now"),
		   errhint("Grant it, or have somebody else schedule it: secrets.schedule_rotation()."));
}

static void
check(Turn *turn, bool scheduling)
{
	PostgresOptions options = read_options(turn);
	Plain		value;
	Job			job;

	(void) turn_require(turn, PRIV_READ);
	(void) turn_require(turn, PRIV_WRITE);
	if (options.admin)
		require_admin(turn, options.admin);
	if (!scheduling)
		return;
	value = turn_open(turn, NO_VERSION);
	job = prepare(turn, &value);
	buffer_free(credential_new_password(&options.password));	/* its options are good */
	end_job(&job);
	buffer_free(value.bytes);
}

/* Only where the place is good, for the candidate is on its way to it from then on. */
static Generated
propose(Turn *turn)
{
	Plain		value = turn_open(turn, NO_VERSION);
	Job			job = prepare(turn, &value);
	SecretBuffer *password = credential_new_password(&job.options.password);
	Generated	made = {.ends_at = NEVER};

	made.plain = credential_replace(&value, job.role, password);
	buffer_free(password);
	end_job(&job);
	buffer_free(value.bytes);
	return made;
}

/* ---- there ---- */

/* False: it is not the role's password. */
static bool
lets_in(const Job *job, SecretBuffer *password)
{
	RemoteUser	user = {.what = "the role",.name = there(job->role),.password = password};
	Remote	   *remote = remote_log_in(&job->place, &user);

	if (remote)
		remote_close(remote);
	return remote != NULL;
}

static void
set_as_admin(const Job *job)
{
	RemoteUser	user = {.what = "the admin",.name = there(job->admin.username),.password = job->admin.password,.keeps_role = true};
	Remote	   *remote = remote_log_in(&job->place, &user);

	if (remote == NULL)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the other server refuses the admin's password"),
			   errhint("The secret named as admin is out of step with that server."));
	remote_set_verifier(remote, there(job->role), credential_verifier(job->own.password));
	remote_close(remote);
}

/* The value that everybody has, as it is before. */
static Credential
read_current(const Turn *turn)
{
	GatePass	pass = turn_require(turn, PRIV_READ);
	Plain		value = turn_open(turn, NO_VERSION);
	Credential	credential;

	gate_record(&pass, &turn->secret.id, turn->secret.current_version);
	credential = credential_read(&value);
	buffer_free(value.bytes);
	return credential;
}

/* False: the stored password is not the role's, or not any more. */
static bool
set_as_itself(const Turn *turn, const Job *job)
{
	Credential	current = read_current(turn);
	RemoteUser	user = {.what = "the role",.name = there(job->role),.password = current.password};
	Remote	   *remote = remote_log_in(&job->place, &user);

	if (remote)
	{
		remote_set_verifier(remote, user.name, credential_verifier(job->own.password));
		remote_close(remote);
	}
	buffer_free(current.password);
	return remote != NULL;
}

pg_noreturn static void
refuse_both(void)
{
	REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		   errmsg("the other server takes neither the stored password nor the new one"),
		   errdetail("The role's password was changed there, has expired, or the role is gone."),
		   errhint("secrets.put() its password by now; or let an admin change it, by the option \"admin\"."));
}

pg_noreturn static void
refuse_new(void)
{
	REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
		   errmsg("the role has its new password, and the other server does not take it"),
		   errhint("Look there for VALID UNTIL, and in pg_hba.conf for another method than scram-sha-256."));
}

static void
set_and_prove(Turn *turn, const Plain *candidate)
{
	Job			job = prepare(turn, candidate);
	bool		is_set = true;

	if (job.options.admin)
		set_as_admin(&job);
	else
		is_set = set_as_itself(turn, &job);
	if (!lets_in(&job, job.own.password))
	{
		if (is_set)
			refuse_new();
		refuse_both();
	}
	end_job(&job);
}

const Rotator rotator_postgres = {
	.name = "postgres",.check = check,.propose = propose,.nsteps = 1,.steps = {set_and_prove}
};
