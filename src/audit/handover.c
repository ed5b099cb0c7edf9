/*
 * audit/handover.c
 *
 * One connection, kept while lines come.  Every wait is for the socket, the
 * latch and a deadline: a promotion or the end of the server is not held up by a
 * primary that says nothing.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "libpq-fe.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "audit/handover.h"
#include "audit/packet.h"
#include "base/compat.h"
#include "base/refuse.h"

#define CONNECT_TIMEOUT	5000	/* milliseconds */
#define ANSWER_TIMEOUT	15000	/* the primary waits for 5 seconds twice */
#define LAST_TIMEOUT	1000	/* when the server stops */
#define LOOK_EVERY		200
#define SHORTEST_PAUSE	200
#define LONGEST_PAUSE	5000
#define LONGEST_REST	2000

static const char unreachable[] = "the primary cannot be reached";

static char *conninfo = NULL;

static PGconn *conn = NULL;
static char *conn_setting = NULL;	/* what it was made from; in TopMemoryContext */
static TimestampTz last_used = 0;

static int	backoff = 0;		/* 0: it did not fail the last time */
static TimestampTz paused_until = 0;
static const char *last_logged = NULL;

/* The packet that is on its way, and the answer to it. */
static uint8 *packet = NULL;	/* in TopMemoryContext */
static size_t packet_len = 0;
static uint64 packet_until = 0;
static uint8 expected[HASH_LEN];
static char database_name[NAMEDATALEN];

void
handover_init(void)
{
	DefineCustomStringVariable("secrets.audit_conninfo",
							   "How a standby reaches the primary, to hand over its part of the audit.",
							   "A connection string; the database is always the one that was read in. Empty: what "
							   "primary_conninfo says. The role needs no privilege but CONNECT.",
							   &conninfo, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}

/* ---- the packet ---- */

/* {"standby": "..."}, and what there was.  As it was, where that gets too long. */
static const char *
add_standby(const char *detail, size_t text_left)
{
	const char *cluster = GetConfigOption("cluster_name", true, false);
	const char *rest = detail ? detail + strspn(detail, "{ ") : "}";
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"standby\": ");
	escape_json(&out, cluster ? cluster : "");
	appendStringInfoString(&out, rest[0] == '}' ? "" : ", ");
	appendStringInfoString(&out, rest);
	return (size_t) out.len < text_left ? out.data : detail;
}

static void
line_to_packet(const AuditEvent *event, uint64 position, PacketLine *line)
{
	const char *strings[PACKET_STRINGS] = {
		event->name, event->login, event->role, event->actor, event->client_addr, event->application_name,
		event->reason, NULL
	};
	size_t		text = 0;

	*line = (PacketLine) {
		.position = position,.at = event->at,.txid = event->txid,.version = event->version,.pid = event->pid,
		.action = (uint8) event->action,.outcome = (uint8) event->outcome,.via = (uint8) event->via,
		.id = event->has_id ? event->id.data : NULL,.rule = event->has_rule ? event->rule.data : NULL
	};
	for (int i = 0; i < PACKET_STRINGS; i++)
		text += strings[i] ? strlen(strings[i]) + 1 : 0;
	strings[STRING_DETAIL] = add_standby(event->detail, PACKET_MOST_TEXT - text);
	memcpy(line->strings, strings, sizeof(strings));
}

static void
begin_packet(PacketWriter *writer, Queue *queue, const AuditKey *key)
{
	PacketHead	head = {
		.key = key->version,.system_id = GetSystemIdentifier(),.database = MyDatabaseId,
		.run = queue_identity(queue),.from = queue_done(queue)
	};

	if (packet == NULL)
		packet = MemoryContextAlloc(TopMemoryContext, PACKET_MOST_BYTES);
	packet_begin(writer, packet, PACKET_MOST_BYTES, &head);
}

/* As many lines as fit; where the first that does not begins, or the end. */
static uint64
add_lines(PacketWriter *writer, Queue *queue)
{
	uint64		end = queue_end(queue);
	uint64		at = queue_done(queue);
	uint64		until = at;
	const QueuedLine *queued;
	size_t		len;

	while ((queued = queue_peek(queue, &at, end, &len)) != NULL)
	{
		AuditEvent	event;
		PacketLine	line;

		if (line_to_event(queued, len, &event))
		{
			line_to_packet(&event, at, &line);
			if (!packet_add(writer, &line))
				break;
		}
		until = at;				/* a torn one is passed over: nobody has been given a value for it */
	}
	return until;
}

bool
handover_answer(const AuditKey *key, const uint8 packet_mac[HASH_LEN], uint8 answer[HASH_LEN])
{
	static const char label[] = "secrets/audit/handover-answer/v1";
	uint8		bytes[sizeof(label) + HASH_LEN];

	memcpy(bytes, label, sizeof(label));
	memcpy(bytes + sizeof(label), packet_mac, HASH_LEN);
	return keyring_mac(key, bytes, sizeof(bytes), answer);
}

bool
handover_prepare(Queue *queue, const AuditKey *key)
{
	PacketWriter writer;
	uint64		done = queue_done(queue);
	uint64		until;

	packet_len = 0;
	begin_packet(&writer, queue, key);
	until = add_lines(&writer, queue);
	if (writer.count == 0)
	{
		if (until > done)
			queue_take(queue, until);
		return false;
	}
	packet_until = until;
	packet_len = packet_end(&writer, until);
	if (!keyring_mac(key, packet, packet_len, packet + packet_len)
		|| !handover_answer(key, packet + packet_len, expected))
		return false;
	packet_len += PACKET_MAC_LEN;
	strlcpy(database_name, get_database_name(MyDatabaseId), NAMEDATALEN);
	return true;
}

/* ---- the connection ---- */

void
handover_end(void)
{
	if (conn == NULL)
		return;
	PQfinish(conn);
	conn = NULL;
	ReleaseExternalFD();
}

void
handover_rest(void)
{
	if (conn && TimestampDifferenceExceeds(last_used, GetCurrentTimestamp(), LONGEST_REST))
		handover_end();
}

static TimestampTz
in_milliseconds(int timeout)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ShutdownRequestPending ? Min(timeout, LAST_TIMEOUT) : timeout);
}

/* False: it took too long, or there is no use any more in waiting. */
static bool
wait_for_socket(int events, TimestampTz *deadline)
{
	do
	{
		bool		was_stopping = ShutdownRequestPending;
		int			got = WaitLatchOrSocket(MyLatch, events | WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
											PQsocket(conn), LOOK_EVERY, PG_WAIT_EXTENSION);

		if (got & (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE))
			return true;
		if (got & WL_LATCH_SET)
			ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ShutdownRequestPending && !was_stopping)
			*deadline = Min(*deadline, in_milliseconds(LAST_TIMEOUT));
	} while (GetCurrentTimestamp() < *deadline && RecoveryInProgress());
	return false;
}

/* What the other side would like to say on our stderr. */
static void
ignore_notice(void *arg, const char *message)
{
}

static const char *
setting(void)
{
	const char *primary;

	if (conninfo && conninfo[0])
		return conninfo;
	primary = GetConfigOption("primary_conninfo", true, false);
	return primary && primary[0] ? primary : NULL;
}

/* What is in front gives way to the setting, what is behind does not. */
static PGconn *
start_connecting(const char *from)
{
	const char *keywords[] = {"target_session_attrs", "fallback_application_name", "dbname", "dbname", NULL};
	const char *values[] = {"primary", "secrets audit", from, database_name, NULL};

	return PQconnectStartParams(keywords, values, 1);
}

/* False: not in time, or refused. */
static bool
finish_connecting(void)
{
	TimestampTz deadline = in_milliseconds(CONNECT_TIMEOUT);
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	if (PQstatus(conn) == CONNECTION_BAD)
		return false;
	while (status != PGRES_POLLING_OK)
	{
		if (!wait_for_socket(status == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE, &deadline))
			return false;
		status = PQconnectPoll(conn);
		if (status == PGRES_POLLING_FAILED)
			return false;
	}
	return PQsetnonblocking(conn, 1) == 0;
}

/* To the log alone, and once: it names hosts and users, as that of the WAL receiver does. */
static void
log_failure(const char *why, const char *words)
{
	if (why == last_logged)
		return;
	last_logged = why;
	ereport(LOG,
			(errmsg("secrets: the audit of database %u waits: %s", MyDatabaseId, why),
			 words && words[0] ? errdetail_internal("%s", pchomp(words)) : 0,
			 errhidestmt(true)));
}

static const char *
fail(const char *why, const char *words)
{
	log_failure(why, words);
	handover_end();
	return why;
}

/* libpq's own words quote a string that it cannot take apart, and a password may be in it. */
static bool
is_conninfo(const char *string)
{
	PQconninfoOption *options = PQconninfoParse(string, NULL);

	PQconninfoFree(options);
	return options != NULL;
}

static bool
is_connected(const char *from)
{
	return conn && PQstatus(conn) == CONNECTION_OK && strcmp(from, conn_setting) == 0;
}

/* NULL: there is a connection. */
static const char *
connect_to_primary(void)
{
	const char *from = setting();

	if (from == NULL)
		return fail("neither secrets.audit_conninfo nor primary_conninfo says where the primary is", NULL);
	if (is_connected(from))
		return NULL;
	handover_end();
	if (!is_conninfo(from))
		return fail("secrets.audit_conninfo, or primary_conninfo, is no connection string", NULL);
	if (conn_setting)
		pfree(conn_setting);
	conn_setting = MemoryContextStrdup(TopMemoryContext, from);
	if (!AcquireExternalFD())
		return "too many files are open";
	if ((conn = start_connecting(from)) == NULL)
	{
		ReleaseExternalFD();
		return "out of memory";
	}
	PQsetNoticeProcessor(conn, ignore_notice, NULL);
	return finish_connecting() ? NULL : fail(unreachable, PQerrorMessage(conn));
}

/* ---- one packet ---- */

static bool
ask(void)
{
	Oid			types[] = {BYTEAOID};
	const char *values[] = {(const char *) packet};
	int			lengths[] = {(int) packet_len};
	int			formats[] = {1};

	return PQsendQueryParams(conn, "SELECT secrets.receive_audit($1)", 1, types, values, lengths, formats, 1) == 1;
}

static bool
flush(TimestampTz *deadline)
{
	int			left;

	while ((left = PQflush(conn)) > 0)
		if (!wait_for_socket(WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE, deadline) || !PQconsumeInput(conn))
			return false;
	return left == 0;
}

/* NULL: there is none. */
static PGresult *
get_result(TimestampTz *deadline)
{
	while (PQisBusy(conn))
		if (!wait_for_socket(WL_SOCKET_READABLE, deadline) || !PQconsumeInput(conn))
			return NULL;
	return PQgetResult(conn);
}

/* What was asked and answered is read to its end; else the connection is good for nothing. */
static bool
read_to_end(TimestampTz *deadline)
{
	PGresult   *result;

	while ((result = get_result(deadline)) != NULL)
		PQclear(result);
	return PQstatus(conn) == CONNECTION_OK && !PQisBusy(conn);
}

static bool
is_right(const PGresult *result)
{
	return PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 && PQnfields(result) == 1
		&& PQgetlength(result, 0, 0) == HASH_LEN
		&& crypto_equal(PQgetvalue(result, 0, 0), expected, HASH_LEN);
}

static const char *
describe(const PGresult *result)
{
	static const struct
	{
		const char *state;
		const char *words;
	}			known[] = {
		{"42501", "the primary does not know the key of what it is handed: its root key, or its database, is another"},
		{"58000", "the primary is sealed"},
		{"58030", "the primary cannot write its audit"},
		{"25006", "what secrets.audit_conninfo leads to is a standby itself"},
		{"42883", "the primary has no secrets.receive_audit()"},
		{"3F000", "the primary has no secrets.receive_audit()"},
	};
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	if (PQstatus(conn) != CONNECTION_OK || (state && strncmp(state, "57P", 3) == 0))
		return unreachable;		/* it stops, or had us terminated */
	for (int i = 0; state && i < lengthof(known); i++)
		if (strcmp(state, known[i].state) == 0)
			return known[i].words;
	return PQresultStatus(result) == PGRES_TUPLES_OK ? "the primary's answer is not genuine" : "the primary refuses";
}

static const char *
send_packet(void)
{
	TimestampTz deadline = in_milliseconds(ANSWER_TIMEOUT);
	PGresult   *result;
	const char *why = NULL;

	if (!ask() || !flush(&deadline) || (result = get_result(&deadline)) == NULL)
		return fail(unreachable, PQerrorMessage(conn));
	if (!is_right(result))
	{
		why = describe(result);
		log_failure(why, PQresultErrorMessage(result));
	}
	PQclear(result);
	if (!read_to_end(&deadline))
		handover_end();
	return why;
}

bool
handover_is_early(void)
{
	return backoff > 0 && GetCurrentTimestamp() < paused_until && !ShutdownRequestPending;
}

const char *
handover_send(Queue *queue)
{
	const char *why = connect_to_primary();

	if (why == NULL)
		why = send_packet();
	last_used = GetCurrentTimestamp();
	if (why)
	{
		backoff = backoff == 0 ? SHORTEST_PAUSE : Min(2 * backoff, LONGEST_PAUSE);
		paused_until = TimestampTzPlusMilliseconds(last_used, backoff);
		return why;
	}
	queue_take(queue, packet_until);
	if (last_logged)
		ereport(LOG, (errmsg("secrets: the audit of database %u is handed over again", MyDatabaseId), errhidestmt(true)));
	last_logged = NULL;
	backoff = 0;
	return NULL;
}
