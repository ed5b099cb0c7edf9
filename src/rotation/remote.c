/*
 * rotation/remote.c
 */
#include "postgres.h"

#include <unistd.h>

#include "lib/stringinfo.h"
#include "libpq-fe.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "base/refuse.h"
#include "rotation/clean.h"
#include "rotation/remote.h"

#define CONNECT_TIMEOUT		10000	/* milliseconds */
#define STATEMENT_TIMEOUT	15000
#define MOST_TRIES			3
#define MAX_WORDS			200

/* What libpq has of a password: itself; four bytes a character, while SASLprep is at it; the state of an exchange. */
#define LEAST_FREED		512		/* bytes at once */
#define MOST_FREED		8192

/*
 * What the session there has, whatever the role and the database have set.  Its
 * own timeouts end before ours: who gave up waiting shall not have his statement
 * done later, beside that of his next try.  It is on disk when it is said to be
 * done, else a crash there would bring the old password back.
 */
#define SESSION_OPTIONS \
	"-c search_path=pg_catalog -c statement_timeout=12000 -c lock_timeout=10000" \
	" -c default_transaction_read_only=off -c synchronous_commit=on"

/*
 * Nor shall what we sent arrive later: the kernel forgets what nobody has
 * confirmed for so long.  Milliseconds.
 */
#define UNCONFIRMED_TIMEOUT "15000"

/* A file under what is no directory is never there. */
#define NO_FILE "/dev/null/none"

struct Remote
{
	MemoryContext context;
	MemoryContextCallback on_reset;
	PGconn	   *conn;
	bool		has_fd;
	TimestampTz deadline;
	const RemotePlace *place;
	const RemoteUser *user;
	Size		password_len;
};

/* ---- the place ---- */

bool
remote_knows_sslmode(const char *sslmode)
{
	static const char *const known[] = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"};

	for (int i = 0; i < lengthof(known); i++)
		if (strcmp(sslmode, known[i]) == 0)
			return true;
	return false;
}

/* As libpq tells them apart; "@" is Linux's name space of sockets without files. */
bool
remote_is_local(const RemotePlace *place)
{
	return place->host[0] == '\0' || place->host[0] == '/' || place->host[0] == '@';
}

bool
remote_is_bound(const RemotePlace *place)
{
	return !remote_is_local(place) && (strcmp(place->sslmode, "require") == 0 || strncmp(place->sslmode, "verify", 6) == 0);
}

bool
remote_knows_system_roots(void)
{
	return PQlibVersion() >= 160000;
}

/* ---- what the other side says ---- */

static bool
is_word_byte(unsigned char c)
{
	return c == '_' || IS_HIGHBIT_SET(c) || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Dots for a word where it stands alone: names are of the value, and whoever may list the secret reads the message. */
static char *
leave_out(char *words, const char *word)
{
	Size		len = strlen(word);
	StringInfoData out;

	if (len == 0)
		return words;
	initStringInfo(&out);
	for (const char *at = words; *at; at++)
	{
		if (strncmp(at, word, len) == 0 && (at == words || !is_word_byte((unsigned char) at[-1]))
			&& !is_word_byte((unsigned char) at[len]))
		{
			appendStringInfoString(&out, "...");
			at += len - 1;
		}
		else
			appendStringInfoChar(&out, *at);
	}
	return out.data;
}

/* One line of the database's own characters. */
static void
make_printable(char *words)
{
	Size		len = strlen(words);
	bool		keeps = GetDatabaseEncoding() == PG_UTF8 && pg_verify_mbstr(PG_UTF8, words, (int) len, true);

	for (char *at = words; *at; at++)
		if ((unsigned char) *at < ' ' || *at == '\x7f')
			*at = ' ';
		else if (IS_HIGHBIT_SET(*at) && !keeps)
			*at = '?';
	words[pg_mbcliplen(words, (int) len, MAX_WORDS)] = '\0';
}

/* Of what may come from anybody what may go into a message. */
static const char *
clean(const Remote *remote, const char *from, Size len)
{
	char	   *words = pnstrdup(from, Min(len, CLEAN_MOST_TEXT - 1));
	CleanValue	password = {buffer_data(remote->user->password), buffer_len(remote->user->password), true};

	if (!clean_text(words, &password, 1))
	{
		explicit_bzero(words, strlen(words));
		return "it repeats the password";
	}
	words = leave_out(words, remote->user->name);
	words = leave_out(words, remote->place->host);
	words = leave_out(words, remote->place->dbname);
	make_printable(words);
	return words;
}

/* Where in a line of a failed login the server's own words begin, behind ":  28P01: "; NULL: they are libpq's. */
static const char *
find_state(const char *line, Size len)
{
	for (const char *at = line; at + 10 <= line + len; at++)
	{
		if (strncmp(at, ":  ", 3) == 0 && strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5
			&& strncmp(at + 8, ": ", 2) == 0)
			return at + 3;
	}
	return NULL;
}

typedef struct Complaint
{
	const char *state;			/* five characters; NULL: the server said nothing */
	const char *words;
	Size		len;
} Complaint;

/*
 * libpq has a failed login's SQLSTATE in its words alone (PQERRORS_VERBOSE puts it
 * there), with lines for each address that it tried, and for with and without
 * TLS.  The last that a server said counts, but a wrong password before all.
 */
static Complaint
read_complaint(const char *message)
{
	Complaint	found = {.words = ""};

	while (*message)
	{
		Size		len = strcspn(message, "\n");
		const char *state = find_state(message, len);
		bool		is_final = found.state && strncmp(found.state, "28P01", 5) == 0;

		if (state && !is_final)
			found = (Complaint) {state, state + 7, len - (Size) (state + 7 - message)};
		else if (found.state == NULL && len > 0 && *message != '\t')
			found = (Complaint) {NULL, message, len};
		message += len + (message[len] == '\n');
	}
	return found;
}

/* Without libpq's "connection to server at ... failed: ". */
static void
skip_address(Complaint *complaint)
{
	static const char end[] = " failed: ";
	char	   *line = pnstrdup(complaint->words, complaint->len);
	char	   *at = strncmp(line, "connection to server ", 21) == 0 ? strstr(line, end) : NULL;

	if (at)
	{
		complaint->words += at - line + strlen(end);
		complaint->len -= (Size) (at - line) + strlen(end);
	}
	pfree(line);
}

static void
ignore_notice(void *arg, const char *message)
{
}

/* ---- waiting ---- */

static void
begin_waiting(Remote *remote, int timeout)
{
	remote->deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), timeout);
}

/* Milliseconds that are left.  Raises where there are none, or somebody wants us to stop. */
static long
check_time(const Remote *remote)
{
	long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), remote->deadline);

	CHECK_FOR_INTERRUPTS();
	if (left <= 0)
		REFUSE(ERRCODE_CONNECTION_FAILURE, errmsg("the other server does not answer in time"));
	return left;
}

static void
wait_for_socket(Remote *remote, int events)
{
	int			got;

	do
	{
		got = WaitLatchOrSocket(MyLatch, events | WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
								PQsocket(remote->conn), check_time(remote), PG_WAIT_EXTENSION);
		if (got & WL_LATCH_SET)
			ResetLatch(MyLatch);
	} while (!(got & events));
}

/* ---- the connection ---- */

/*
 * What libpq has of a password, and has made of it, it frees as it is.  So what is
 * free is taken once more: of the sizes in question more than there should be, all
 * at once.
 */
typedef struct Taken
{
	struct Taken *next;
} Taken;

static Taken *
take_freed(Taken *others, Size size)
{
	for (int n = size <= LEAST_FREED ? 64 : 4; n > 0; n--)
	{
		Taken	   *taken = malloc(size);

		if (taken == NULL)
			break;
		explicit_bzero(taken, size);
		taken->next = others;
		others = taken;
	}
	return others;
}

static void
wipe_freed(Size password_len)
{
	Size		largest = Min(Max(4 * password_len, LEAST_FREED), MOST_FREED);
	Taken	   *taken = NULL;

	for (Size size = 16; size <= largest; size += 16)
		taken = take_freed(taken, size);
	while (taken)
	{
		Taken	   *next = taken->next;

		free(taken);
		taken = next;
	}
}

static void
end(void *arg)
{
	Remote	   *remote = arg;

	if (remote->conn)
	{
		PQfinish(remote->conn);
		wipe_freed(remote->password_len);
	}
	if (remote->has_fd)
		ReleaseExternalFD();
}

void
remote_close(Remote *remote)
{
	MemoryContextDelete(remote->context);
}

/* In the (sub)transaction's context, which its abort deletes: that of a procedure that goes on after would keep it open. */
static Remote *
make_remote(const RemotePlace *place, const RemoteUser *user)
{
	MemoryContext context = AllocSetContextCreate(CurTransactionContext, "login on another server", ALLOCSET_SMALL_SIZES);
	Remote	   *remote = MemoryContextAllocZero(context, sizeof(Remote));

	remote->context = context;
	remote->place = place;
	remote->user = user;
	remote->password_len = buffer_len(user->password);
	remote->on_reset.func = end;
	remote->on_reset.arg = remote;
	MemoryContextRegisterResetCallback(context, &remote->on_reset);
	remote->has_fd = AcquireExternalFD();
	if (!remote->has_fd)
		REFUSE(ERRCODE_INSUFFICIENT_RESOURCES, errmsg("too many files are open"));
	return remote;
}

/*
 * libpq fills up what it is not told from variables (PGHOSTADDR leads elsewhere,
 * PGSERVICE names a file with more) that somebody once started this server with.
 * There is no keyword against all of them, so it sees none.  Nothing in between
 * raises an error.
 */
static PGconn *
start_without_environment(const char *const *keywords, const char *const *values)
{
	static char *nothing[] = {NULL};
	char	  **environment = environ;
	PGconn	   *conn;

	environ = nothing;
	conn = PQconnectStartParams(keywords, values, 0);
	environ = environment;
	return conn;
}

/*
 * libpq takes what is NULL or empty for not given.  An empty password would be
 * looked for in a file; remote_log_in() has refused it.
 *
 * channel_binding alone has libpq answer to nothing but SCRAM, bound to the
 * server's certificate, since 13.  Where that cannot be, require_auth (since 16)
 * at least keeps the password from whoever asks for it in the clear.
 */
static PGconn *
start_connecting(const RemotePlace *place, const RemoteUser *user)
{
	const char *options = user->keeps_role ? SESSION_OPTIONS : SESSION_OPTIONS " -c role=none";
	bool		bound = remote_is_bound(place);
	const char *const settings[][2] = {
		{"host", place->host}, {"port", place->port}, {"dbname", place->dbname},
		{"user", user->name}, {"password", buffer_data(user->password)},
		{"sslmode", remote_is_local(place) ? "disable" : place->sslmode}, {"sslrootcert", place->sslrootcert},
		{"channel_binding", bound ? "require" : "prefer"},
		{"tcp_user_timeout", UNCONFIRMED_TIMEOUT}, {"passfile", "/dev/null"}, {"sslcert", NO_FILE}, {"sslkey", NO_FILE}, {"gssencmode", "disable"},
		{"client_encoding", "UTF8"}, {"options", options}, {"application_name", "secrets rotation"},
		{PQlibVersion() >= 160000 ? "require_auth" : NULL, "scram-sha-256"},
	};
	const char *keywords[lengthof(settings) + 1];
	const char *values[lengthof(settings) + 1];
	int			n = 0;

	for (int i = 0; i < lengthof(settings); i++)
	{
		if (settings[i][0] == NULL)
			continue;
		keywords[n] = settings[i][0];
		values[n++] = settings[i][1];
	}
	keywords[n] = values[n] = NULL;
	return start_without_environment(keywords, values);
}

static bool
finish_connecting(Remote *remote)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	if (PQstatus(remote->conn) == CONNECTION_BAD)
		return false;
	while (status != PGRES_POLLING_OK)
	{
		wait_for_socket(remote, status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE);
		status = PQconnectPoll(remote->conn);
		if (status == PGRES_POLLING_FAILED)
			return false;
	}
	return PQsetnonblocking(remote->conn, 1) == 0;
}

pg_noreturn static void
refuse_login(const Remote *remote, const Complaint *complaint)
{
	const char *words = clean(remote, complaint->words, complaint->len);

	if (complaint->state)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the other server refuses the login of %s: %s", remote->user->what, words));
	REFUSE(ERRCODE_CONNECTION_FAILURE,
		   errmsg("%s cannot log in on the other server: %s", remote->user->what, words));
}

/* Who is let in without a password has proved none. */
static void
require_proof(const Remote *remote)
{
	if (!PQconnectionUsedPassword(remote->conn))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the other server lets %s in without a password", remote->user->what),
			   errdetail("So a login proves nothing about the password."),
			   errhint("Its pg_hba.conf must ask this server's address for scram-sha-256."));
}

static void
require_password(const RemoteUser *user)
{
	if (buffer_len(user->password) == 0 || user->name[0] == '\0')
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, errmsg("the password, or the name, of %s is empty", user->what));
}

Remote *
remote_log_in(const RemotePlace *place, const RemoteUser *user)
{
	Remote	   *remote;
	Complaint	complaint;

	require_password(user);
	remote = make_remote(place, user);
	begin_waiting(remote, CONNECT_TIMEOUT);
	remote->conn = start_connecting(place, user);
	if (remote->conn == NULL)
		REFUSE(ERRCODE_OUT_OF_MEMORY, errmsg("out of memory"));
	(void) PQsetErrorVerbosity(remote->conn, PQERRORS_VERBOSE);
	PQsetNoticeProcessor(remote->conn, ignore_notice, NULL);
	if (finish_connecting(remote))
	{
		require_proof(remote);
		return remote;
	}
	complaint = read_complaint(PQerrorMessage(remote->conn));
	if (complaint.state == NULL)
		skip_address(&complaint);
	if (complaint.state == NULL || strncmp(complaint.state, "28P01", 5) != 0)
		refuse_login(remote, &complaint);
	remote_close(remote);
	return NULL;
}

/* ---- a statement ---- */

pg_noreturn static void
refuse_lost(const Remote *remote)
{
	Complaint	complaint = read_complaint(PQerrorMessage(remote->conn));

	REFUSE(ERRCODE_CONNECTION_FAILURE,
		   errmsg("the connection to the other server is lost: %s", clean(remote, complaint.words, complaint.len)),
		   errdetail("The next try finds out how far it came."));
}

static void
send_statement(Remote *remote, const char *sql)
{
	int			left;

	if (!PQsendQuery(remote->conn, sql))
		refuse_lost(remote);
	while ((left = PQflush(remote->conn)) > 0)
	{
		wait_for_socket(remote, WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE);
		if (!PQconsumeInput(remote->conn))
			refuse_lost(remote);
	}
	if (left < 0)
		refuse_lost(remote);
}

/* NULL: there is none any more. */
static PGresult *
get_result(Remote *remote)
{
	do
	{
		check_time(remote);		/* also for one who answers without end */
		if (!PQisBusy(remote->conn))
			return PQgetResult(remote->conn);
		wait_for_socket(remote, WL_SOCKET_READABLE);
	} while (PQconsumeInput(remote->conn));
	refuse_lost(remote);
}

/* Two ALTER ROLE of one role at once, one of them perhaps our own that was cut off: "tuple concurrently updated". */
static bool
has_met_another(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state && strcmp(state, "XX000") == 0;
}

/* Why it is not done, NULL where it is.  The primary message alone: what else there is may quote the statement. */
static const char *
find_fault(const Remote *remote, const PGresult *result)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (PQresultStatus(result) == PGRES_COMMAND_OK)
		return NULL;
	return message ? clean(remote, message, strlen(message)) : "its answer is none";
}

/*
 * False: another one was faster, and it may be tried again.  The answer comes
 * after the commit there, and is read to its end.
 */
static bool
run_statement(Remote *remote, const char *sql, bool is_last_try)
{
	PGresult   *result;
	const char *fault = NULL;
	bool		met = false;

	begin_waiting(remote, STATEMENT_TIMEOUT);
	send_statement(remote, sql);
	while (!fault && (result = get_result(remote)) != NULL)
	{
		fault = find_fault(remote, result);
		met = has_met_another(result);
		PQclear(result);
	}
	if (PQstatus(remote->conn) == CONNECTION_BAD)
		refuse_lost(remote);
	if (fault && (!met || is_last_try))
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
			   errmsg("the other server refuses to change the password: %s", fault));
	/* An error's end comes after it; what would follow an answer that is none may have no end. */
	while (met && (result = get_result(remote)) != NULL)
		PQclear(result);
	return fault == NULL;
}

/* What libpq quoted, by the rules of that connection. */
static void
append_quoted(Remote *remote, StringInfo out, char *quoted)
{
	if (quoted == NULL)
		REFUSE(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, errmsg("the name of the role cannot be sent to the other server"));
	appendStringInfoString(out, quoted);
	PQfreemem(quoted);
}

void
remote_set_verifier(Remote *remote, const char *role, const char *verifier)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "ALTER ROLE ");
	append_quoted(remote, &sql, PQescapeIdentifier(remote->conn, role, strlen(role)));
	appendStringInfoString(&sql, " PASSWORD ");
	append_quoted(remote, &sql, PQescapeLiteral(remote->conn, verifier, strlen(verifier)));
	for (int tries = 1; !run_statement(remote, sql.data, tries == MOST_TRIES); tries++)
		continue;
}
