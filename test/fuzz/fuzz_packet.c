/*
 * fuzz_packet.c: what a standby hands over, as anybody may send it.
 *
 * What is read as a packet is, written again, the same bytes; and lines made of
 * any input come back as they were.
 */
#include "property.h"

#include "audit/packet.h"

/* Every string ends in the packet, and no line is more than the primary has room for. */
static void
check_line(const PacketLine *line, const PacketReader *reader, uint64_t before)
{
	size_t		text = 0;

	PROPERTY(line->position > before && line->position <= reader->until);
	PROPERTY(line->action <= PACKET_LAST_ACTION && line->outcome <= PACKET_LAST_OUTCOME && line->via <= PACKET_LAST_VIA);
	for (int i = 0; i < PACKET_STRINGS; i++)
		if (line->strings[i])
		{
			text += strlen(line->strings[i]) + 1;
			PROPERTY((const uint8_t *) line->strings[i] + strlen(line->strings[i]) < reader->end);
		}
	PROPERTY(text <= PACKET_MOST_TEXT);
}

static void
read_packet(const uint8_t *bytes, size_t len)
{
	PacketReader reader;
	PacketHead	head;
	PacketLine	line;
	PacketWriter writer;
	PacketResult result;
	uint64_t	before;
	uint8_t    *again;

	if (!packet_open(&reader, bytes, len, &head))
		return;
	PROPERTY(head.key > 0 && head.run != 0 && head.from < head.until);
	again = exact_room(len);
	packet_begin(&writer, again, len, &head);
	before = head.from;
	while ((result = packet_next(&reader, &line)) == PACKET_LINE)
	{
		check_line(&line, &reader, before);
		before = line.position;
		PROPERTY(packet_add(&writer, &line));
	}
	if (result == PACKET_END)
	{
		PROPERTY(writer.count == head.count);
		PROPERTY(packet_end(&writer, head.until) == len - PACKET_MAC_LEN);
		PROPERTY(memcmp(again, bytes, len - PACKET_MAC_LEN) == 0);
	}
	free(again);
}

/* ---- the other way round ---- */

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void
check_same(const PacketLine *a, const PacketLine *b)
{
	PROPERTY(a->position == b->position && a->at == b->at && a->txid == b->txid && a->version == b->version && a->pid == b->pid);
	PROPERTY(a->action == b->action && a->outcome == b->outcome && a->via == b->via);
	PROPERTY((a->id == NULL) == (b->id == NULL) && (a->rule == NULL) == (b->rule == NULL));
	PROPERTY(a->id == NULL || memcmp(a->id, b->id, PACKET_ID_LEN) == 0);
	PROPERTY(a->rule == NULL || memcmp(a->rule, b->rule, PACKET_ID_LEN) == 0);
	for (int i = 0; i < PACKET_STRINGS; i++)
		PROPERTY(is_same(a->strings[i], b->strings[i]));
}

/* A line of the input: two bytes say what it has, then numbers, then strings up to 0xff, as long as there are bytes. */
static void
make_line(const uint8_t **data, size_t *size, uint64_t position, PacketLine *line, char *texts[PACKET_STRINGS])
{
	uint8_t		numbers[34] = {0};
	size_t		n = *size < sizeof(numbers) ? *size : sizeof(numbers);

	memcpy(numbers, *data, n);
	*data += n;
	*size -= n;
	*line = (PacketLine) {.position = position,.action = numbers[2] % (PACKET_LAST_ACTION + 1),.via = numbers[3] % (PACKET_LAST_VIA + 1)};
	line->outcome = numbers[3] >> 6;
	memcpy(&line->at, numbers + 4, 8);
	memcpy(&line->txid, numbers + 12, 8);
	memcpy(&line->version, numbers + 20, 8);
	memcpy(&line->pid, numbers + 28, 4);
	line->id = numbers[0] & 1 ? *data - n : NULL;
	if (n < PACKET_ID_LEN)
		line->id = NULL;
	line->rule = numbers[0] & 2 ? line->id : NULL;
	for (int i = 0; i < PACKET_STRINGS; i++)
	{
		Part		part;
		size_t		repeat = numbers[33] >= 250 && i == 3 ? 1000 : 1;

		texts[i] = NULL;
		if (!(numbers[1] & 1 << i))
			continue;
		part = next_part(data, size);
		texts[i] = exact_room(part.len * repeat + 1);
		for (size_t j = 0; j < part.len * repeat; j++)
			texts[i][j] = part.data[j % part.len] ? part.data[j % part.len] : '0';
		texts[i][part.len * repeat] = '\0';
		line->strings[i] = texts[i];
		free(part.data);
	}
}

static void
write_packet(const uint8_t *data, size_t size, size_t room_len)
{
	PacketHead	head = {.key = 1,.system_id = 2,.database = 3,.run = 4,.from = 5};
	PacketHead	found;
	PacketLine	lines[8];
	PacketLine	line;
	char	   *texts[8][PACKET_STRINGS];
	uint8_t    *room = exact_room(room_len);
	PacketWriter writer;
	PacketReader reader;
	size_t		len;
	int			made = 0;
	uint32_t	n = 0;

	packet_begin(&writer, room, room_len, &head);
	while (size > 0 && made < 8)
	{
		make_line(&data, &size, 10 + (uint64_t) made, &line, texts[made]);
		made++;
		if (packet_add(&writer, &line))
			lines[n++] = line;
	}
	len = packet_end(&writer, 100);
	PROPERTY(len + PACKET_MAC_LEN <= room_len);
	PROPERTY(packet_open(&reader, room, len + PACKET_MAC_LEN, &found));
	PROPERTY(found.key == 1 && found.system_id == 2 && found.database == 3 && found.run == 4 && found.from == 5);
	PROPERTY(found.until == 100 && found.count == n);
	for (uint32_t i = 0; i < n; i++)
	{
		PROPERTY(packet_next(&reader, &line) == PACKET_LINE);
		check_same(&line, &lines[i]);
	}
	PROPERTY(packet_next(&reader, &line) == PACKET_END);
	for (int i = 0; i < made; i++)
		for (int j = 0; j < PACKET_STRINGS; j++)
			free(texts[i][j]);
	free(room);
}

/* The first byte tells how the rest is meant. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t    *bytes;

	if (size == 0)
		return 0;
	bytes = exact_room(size - 1);
	memcpy(bytes, data + 1, size - 1);
	switch (data[0])
	{
		case 'w':
			write_packet(bytes, size - 1, 6000);
			break;
		case 't':				/* a room that is tight */
			write_packet(bytes, size - 1, 200);
			break;
		default:
			read_packet(bytes, size - 1);
	}
	free(bytes);
	return 0;
}
