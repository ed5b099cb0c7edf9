/*
 * audit/packet.h: lines of a standby's queue, as they travel to the primary.
 *
 * Plain C: it takes bytes apart that anybody may send, so it can be tried
 * without a server.  Numbers are big-endian; a packet has one form only: what is
 * read and written again is the same bytes.
 *
 *   "secrets/audit/handover/v1" and a zero byte
 *   key (8)  system_id (8)  database (4)  run (8)  from (8)  until (8)  count (4)
 *   count lines: position (8)  at (8)  txid (8)  version (8)  pid (4)
 *     action (1)  outcome (1)  via (1)  has (1: bit 0 an id, bit 1 a rule)
 *     strings (1: which of them there are)  id (16)  rule (16)
 *     each string: length (2), bytes without a zero, and a zero byte
 *   MAC (32) of all that
 */
#ifndef SECRETS_AUDIT_PACKET_H
#define SECRETS_AUDIT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAC_LEN		32
#define PACKET_MOST_BYTES	(256 * 1024)
#define PACKET_ID_LEN		16
#define PACKET_STRINGS		8
#define PACKET_MOST_TEXT	4000	/* bytes of a line's strings, their zeroes too */

/* The highest of the words' numbers. */
#define PACKET_LAST_ACTION	17
#define PACKET_LAST_OUTCOME 3
#define PACKET_LAST_VIA		2

typedef struct PacketHead
{
	int64_t		key;			/* version of the master key behind the MAC; over 0 */
	uint64_t	system_id;		/* the cluster and the database that it is for */
	uint32_t	database;
	int64_t		run;			/* the queue's, on the standby; not 0 */
	uint64_t	from;			/* what of the queue it has: positions over from, up to until */
	uint64_t	until;
	uint32_t	count;			/* lines */
} PacketHead;

/* Strings are zero-terminated; they and the ids lie in the packet. */
typedef struct PacketLine
{
	uint64_t	position;		/* where it ends in the queue; ascending */
	int64_t		at;
	int64_t		txid;
	int64_t		version;
	int32_t		pid;
	uint8_t		action;
	uint8_t		outcome;
	uint8_t		via;
	const uint8_t *id;			/* NULL: none */
	const uint8_t *rule;
	const char *strings[PACKET_STRINGS];	/* NULL: none */
} PacketLine;

/* ---- writing ---- */

typedef struct PacketWriter
{
	uint8_t    *start;
	uint8_t    *at;
	uint8_t    *end;			/* of the room; the MAC's is kept free */
	uint32_t	count;
} PacketWriter;

/* room: at least PACKET_MOST_BYTES.  until and count are set by packet_end(). */
extern void packet_begin(PacketWriter *writer, uint8_t *room, size_t len, const PacketHead *head);

/* False: it does not fit, and nothing was written.  One line fits into an empty packet, if its strings fit PACKET_MOST_TEXT. */
extern bool packet_add(PacketWriter *writer, const PacketLine *line);

/* The length without the MAC, which goes behind. */
extern size_t packet_end(PacketWriter *writer, uint64_t until);

/* ---- reading ---- */

typedef struct PacketReader
{
	const uint8_t *at;
	const uint8_t *end;			/* the MAC begins here */
	uint32_t	left;			/* lines */
	uint64_t	position;		/* of the last one */
	uint64_t	until;
} PacketReader;

typedef enum PacketResult
{
	PACKET_LINE, PACKET_END, PACKET_BROKEN
} PacketResult;

/* Looks at the head alone.  False: it is none. */
extern bool packet_open(PacketReader *reader, const uint8_t *bytes, size_t len, PacketHead *head);

/* The next line.  PACKET_END: all were right, and there is nothing behind them. */
extern PacketResult packet_next(PacketReader *reader, PacketLine *line);

#endif
