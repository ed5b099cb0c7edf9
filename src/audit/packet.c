/*
 * audit/packet.c
 */
#include <string.h>

#include "audit/packet.h"

static const char label[] = "secrets/audit/handover/v1";

#define HEAD_LEN	(sizeof(label) + 8 + 8 + 4 + 8 + 8 + 8 + 4)
#define UNTIL_AT	(HEAD_LEN - 12)
#define COUNT_AT	(HEAD_LEN - 4)
#define LINE_LEN	(4 * 8 + 4 + 5)
#define HAS_ID		1
#define HAS_RULE	2

/* ---- writing ---- */

static void
put(uint8_t **at, const void *bytes, size_t len)
{
	memcpy(*at, bytes, len);
	*at += len;
}

static void
put_number(uint8_t **at, uint64_t number, int len)
{
	for (int i = len - 1; i >= 0; i--)
		*(*at)++ = (uint8_t) (number >> (8 * i));
}

void
packet_begin(PacketWriter *writer, uint8_t *room, size_t len, const PacketHead *head)
{
	writer->start = writer->at = room;
	writer->end = room + len - PACKET_MAC_LEN;
	writer->count = 0;
	put(&writer->at, label, sizeof(label));
	put_number(&writer->at, (uint64_t) head->key, 8);
	put_number(&writer->at, head->system_id, 8);
	put_number(&writer->at, head->database, 4);
	put_number(&writer->at, (uint64_t) head->run, 8);
	put_number(&writer->at, head->from, 8);
	put_number(&writer->at, head->from, 8);
	put_number(&writer->at, 0, 4);
}

/* 0: its strings are too long. */
static size_t
line_length(const PacketLine *line)
{
	size_t		len = LINE_LEN + (line->id ? PACKET_ID_LEN : 0) + (line->rule ? PACKET_ID_LEN : 0);
	size_t		text = 0;

	for (int i = 0; i < PACKET_STRINGS; i++)
		if (line->strings[i])
		{
			size_t		size = strlen(line->strings[i]) + 1;

			if (size > PACKET_MOST_TEXT - text)
				return 0;
			text += size;
			len += 2 + size;
		}
	return len;
}

static void
put_strings(uint8_t **at, const char *const *strings)
{
	for (int i = 0; i < PACKET_STRINGS; i++)
		if (strings[i])
		{
			size_t		len = strlen(strings[i]);

			put_number(at, len, 2);
			put(at, strings[i], len + 1);
		}
}

static uint8_t
which_strings(const PacketLine *line)
{
	uint8_t		which = 0;

	for (int i = 0; i < PACKET_STRINGS; i++)
		if (line->strings[i])
			which |= (uint8_t) (1 << i);
	return which;
}

bool
packet_add(PacketWriter *writer, const PacketLine *line)
{
	size_t		len = line_length(line);
	uint8_t   **at = &writer->at;

	if (len == 0 || len > (size_t) (writer->end - *at))
		return false;
	put_number(at, line->position, 8);
	put_number(at, (uint64_t) line->at, 8);
	put_number(at, (uint64_t) line->txid, 8);
	put_number(at, (uint64_t) line->version, 8);
	put_number(at, (uint32_t) line->pid, 4);
	put_number(at, line->action, 1);
	put_number(at, line->outcome, 1);
	put_number(at, line->via, 1);
	put_number(at, (line->id ? HAS_ID : 0) | (line->rule ? HAS_RULE : 0), 1);
	put_number(at, which_strings(line), 1);
	if (line->id)
		put(at, line->id, PACKET_ID_LEN);
	if (line->rule)
		put(at, line->rule, PACKET_ID_LEN);
	put_strings(at, line->strings);
	writer->count++;
	return true;
}

size_t
packet_end(PacketWriter *writer, uint64_t until)
{
	uint8_t    *at = writer->start + UNTIL_AT;

	put_number(&at, until, 8);
	put_number(&at, writer->count, 4);
	return (size_t) (writer->at - writer->start);
}

/* ---- reading ---- */

/* So many bytes, or NULL. */
static const uint8_t *
take(PacketReader *reader, size_t len)
{
	const uint8_t *at = reader->at;

	if (len > (size_t) (reader->end - at))
		return NULL;
	reader->at += len;
	return at;
}

/* Who calls has looked whether they are there. */
static uint64_t
get_number(const uint8_t **at, int len)
{
	uint64_t	number = 0;

	while (len-- > 0)
		number = number << 8 | *(*at)++;
	return number;
}

bool
packet_open(PacketReader *reader, const uint8_t *bytes, size_t len, PacketHead *head)
{
	const uint8_t *at = bytes + sizeof(label);

	if (len < HEAD_LEN + PACKET_MAC_LEN || len > PACKET_MOST_BYTES || memcmp(bytes, label, sizeof(label)) != 0)
		return false;
	head->key = (int64_t) get_number(&at, 8);
	head->system_id = get_number(&at, 8);
	head->database = (uint32_t) get_number(&at, 4);
	head->run = (int64_t) get_number(&at, 8);
	head->from = get_number(&at, 8);
	head->until = get_number(&at, 8);
	head->count = (uint32_t) get_number(&at, 4);
	reader->at = at;
	reader->end = bytes + len - PACKET_MAC_LEN;
	reader->left = head->count;
	reader->position = head->from;
	reader->until = head->until;
	return head->key > 0 && head->run != 0 && head->from < head->until && head->until <= INT64_MAX;
}

/* NULL: there is none such. */
static const char *
take_string(PacketReader *reader, size_t *text_left)
{
	const uint8_t *at = take(reader, 2);
	const uint8_t *string;
	size_t		len;

	if (at == NULL)
		return NULL;
	len = (size_t) get_number(&at, 2);
	string = take(reader, len + 1);
	if (string == NULL || len + 1 > *text_left || memchr(string, 0, len + 1) != string + len)
		return NULL;
	*text_left -= len + 1;
	return (const char *) string;
}

static bool
take_strings(PacketReader *reader, uint8_t which, PacketLine *line)
{
	size_t		text_left = PACKET_MOST_TEXT;

	for (int i = 0; i < PACKET_STRINGS; i++)
	{
		line->strings[i] = NULL;
		if ((which & 1 << i) && (line->strings[i] = take_string(reader, &text_left)) == NULL)
			return false;
	}
	return true;
}

static bool
take_line(PacketReader *reader, PacketLine *line)
{
	const uint8_t *at = take(reader, LINE_LEN);
	uint8_t		has;
	uint8_t		which;

	if (at == NULL)
		return false;
	line->position = get_number(&at, 8);
	line->at = (int64_t) get_number(&at, 8);
	line->txid = (int64_t) get_number(&at, 8);
	line->version = (int64_t) get_number(&at, 8);
	line->pid = (int32_t) get_number(&at, 4);
	line->action = (uint8_t) get_number(&at, 1);
	line->outcome = (uint8_t) get_number(&at, 1);
	line->via = (uint8_t) get_number(&at, 1);
	has = (uint8_t) get_number(&at, 1);
	which = (uint8_t) get_number(&at, 1);
	if (line->position <= reader->position || line->position > reader->until || line->action > PACKET_LAST_ACTION
		|| line->outcome > PACKET_LAST_OUTCOME || line->via > PACKET_LAST_VIA || has > (HAS_ID | HAS_RULE))
		return false;
	reader->position = line->position;
	line->id = has & HAS_ID ? take(reader, PACKET_ID_LEN) : NULL;
	line->rule = has & HAS_RULE ? take(reader, PACKET_ID_LEN) : NULL;
	if (((has & HAS_ID) && line->id == NULL) || ((has & HAS_RULE) && line->rule == NULL))
		return false;
	return take_strings(reader, which, line);
}

PacketResult
packet_next(PacketReader *reader, PacketLine *line)
{
	if (reader->left == 0)
		return reader->at == reader->end ? PACKET_END : PACKET_BROKEN;
	reader->left--;
	return take_line(reader, line) ? PACKET_LINE : PACKET_BROKEN;
}
