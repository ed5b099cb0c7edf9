/*
 * audit/receive.c: on the primary: what a standby hands over.
 *
 * Anybody may call; what does not carry the MAC of this database's audit is
 * refused before anything in it is looked at.  All of a packet is checked before
 * its first line is queued.  Lines that were sent before are left out by the
 * worker, which alone knows what is on disk (origin.c).
 */
#include "postgres.h"

#include "access/xlog.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "audit/handover.h"
#include "audit/internal.h"
#include "audit/packet.h"
#include "base/compat.h"
#include "base/refuse.h"

StaticAssertDecl(PACKET_LAST_ACTION == ACTION_CONFIG, "packet.h knows the actions");
StaticAssertDecl(PACKET_LAST_OUTCOME == OUTCOME_STARTED, "packet.h knows the outcomes");
StaticAssertDecl(PACKET_LAST_VIA == VIA_SCHEDULER, "packet.h knows the ways");
StaticAssertDecl(PACKET_STRINGS == NUM_STRINGS, "packet.h knows the strings");
StaticAssertDecl(PACKET_MOST_TEXT == MAX_LINE - sizeof(QueuedLine), "what fits into a line fits into a packet");
StaticAssertDecl(PACKET_MAC_LEN == HASH_LEN, "a packet has the whole MAC");

/* Where its MAC does not match, or it is for another database: nobody is told which. */
pg_noreturn static void
refuse_packet(void)
{
	AuditRecord record = {
		.action = ACTION_CONFIG,.outcome = OUTCOME_DENIED,.role = GetUserId(),
		.reason = "asked to receive lines that carry no MAC of this database"
	};

	audit_record(&record);
	REFUSE(ERRCODE_INSUFFICIENT_PRIVILEGE,
		   errmsg("permission denied: this is for standbys of this server"));
}

static void
require_genuine(const uint8 *bytes, size_t len, AuditKey *key, PacketReader *reader, PacketHead *head)
{
	uint8		mac[HASH_LEN];

	if (!packet_open(reader, bytes, len, head) || head->key > PG_INT32_MAX || !keyring_find_audit_key(head->key, key)
		|| !keyring_mac(key, bytes, len - PACKET_MAC_LEN, mac)
		|| !crypto_equal(mac, bytes + len - PACKET_MAC_LEN, PACKET_MAC_LEN)
		|| head->system_id != GetSystemIdentifier() || head->database != MyDatabaseId)
		refuse_packet();
}

/* ---- lines ---- */

static void
copy_uuid(const uint8 *bytes, bool *there, pg_uuid_t *id)
{
	*there = bytes != NULL;
	if (bytes)
		memcpy(id->data, bytes, UUID_LEN);
}

static void
line_to_event_of(const PacketLine *line, AuditEvent *event)
{
	memset(event, 0, sizeof(*event));
	event->at = line->at;
	event->txid = line->txid;
	event->version = line->version;
	event->pid = line->pid;
	event->action = (AuditAction) line->action;
	event->outcome = (AuditOutcome) line->outcome;
	event->via = (AuditVia) line->via;
	copy_uuid(line->id, &event->has_id, &event->id);
	copy_uuid(line->rule, &event->has_rule, &event->rule);
	event->name = line->strings[STRING_NAME];
	event->login = line->strings[STRING_LOGIN];
	event->role = line->strings[STRING_ROLE];
	event->actor = line->strings[STRING_ACTOR];
	event->client_addr = line->strings[STRING_CLIENT_ADDR];
	event->application_name = line->strings[STRING_APPLICATION_NAME];
	event->reason = line->strings[STRING_REASON];
	event->detail = line->strings[STRING_DETAIL];
}

static bool
is_text(const PacketLine *line)
{
	for (int i = 0; i < PACKET_STRINGS; i++)
		if (line->strings[i] && !pg_verifymbstr(line->strings[i], (int) strlen(line->strings[i]), true))
			return false;
	return true;
}

/* The worker must be able to make a row of it: here it can still be refused. */
static void
check_line(const PacketLine *line)
{
	AuditEvent	event;
	Datum		values[EVENT_COLUMNS];
	bool		nulls[EVENT_COLUMNS];

	if (!IS_VALID_TIMESTAMP(line->at) || !is_text(line))
		REFUSE(ERRCODE_DATA_EXCEPTION, errmsg("a line that was handed over is not one"));
	line_to_event_of(line, &event);
	event_encode(&event, values, nulls);
}

static void
check_lines(PacketReader reader)
{
	MemoryContext each = AllocSetContextCreate(CurrentMemoryContext, "secrets audit, one line", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(each);
	PacketLine	line;
	PacketResult result;

	while ((result = packet_next(&reader, &line)) == PACKET_LINE)
	{
		check_line(&line);
		MemoryContextReset(each);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(each);
	if (result == PACKET_BROKEN)
		REFUSE(ERRCODE_DATA_EXCEPTION, errmsg("what was handed over has not the form of a packet"));
}

static void
refuse_unwritten(const char *why)
{
	if (why)
		REFUSE(ERRCODE_IO_ERROR, errmsg("the audit cannot be written"), errdetail("%s.", why));
}

static void
take_in(PacketReader *reader, int64 run)
{
	union
	{
		QueuedLine	line;
		char		room[MAX_LINE];
	}			buffer;
	PacketLine	line;
	uint64		until = 0;

	while (packet_next(reader, &line) == PACKET_LINE)
	{
		AuditEvent	event;

		line_to_event_of(&line, &event);
		line_from_event(&event, &buffer.line);
		buffer.line.origin = run;
		buffer.line.origin_at = (int64) line.position;
		refuse_unwritten(record_queue_line(&buffer.line, &until));
	}
	refuse_unwritten(record_wait_for_disk(until));
}

void
audit_receive(const uint8 *bytes, size_t len, uint8 answer[HASH_LEN])
{
	PacketReader reader;
	PacketHead	head;
	AuditKey	key;

	if (RecoveryInProgress())
		REFUSE(ERRCODE_READ_ONLY_SQL_TRANSACTION, errmsg("this server is a standby itself"));
	keyring_require_open();
	require_genuine(bytes, len, &key, &reader, &head);
	check_lines(reader);
	take_in(&reader, head.run);
	if (!handover_answer(&key, bytes + len - PACKET_MAC_LEN, answer))
		keyring_require_open();
}
