/*
 * fuzz_blot.c: texts with values in them, against a slow search that has the values.
 *
 * The input is three values and a script for a text: bytes below 32 stand for
 * a value, written in one of the ways that programs write.
 */
#include "property.h"

#include <ctype.h>

#include "redact/blot.h"
#include "redact/decode.h"
#include "redact/members.h"

#define NVALUES		3
#define MOST_VALUE	100
#define MOST_TEXT	700

static uint64_t memory[BLOT_SIZE / sizeof(uint64_t)];
static Blotter *const blotter = (Blotter *) memory;

/* Which way the slow search goes is of no interest to the fuzzer. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

/* ---- what is sought: values, and what blot.c makes of them ---- */

typedef struct Sought
{
	int			n;
	Part		parts[NVALUES * (1 + BLOT_MOST_WORDS)];
} Sought;

static bool
is_quote(char c)
{
	return c && strchr("'\"\\", c);
}

static bool
is_of_word(char c)
{
	return isalnum((unsigned char) c) || c == '_' || (c & 0x80);
}

static void
seek_words(Sought *sought, const Part *value)
{
	int			n = 0;

	if (value->len > BLOT_LONG || value->len == 0 || value->data[0] == '{' || memmem(value->data, value->len, "://", 3))
		return;
	for (size_t at = 0, end; at < value->len && n < BLOT_MOST_WORDS; at = end + 1)
	{
		for (end = at; end < value->len && is_of_word(value->data[end]);)
			end++;
		if (end - at >= BLOT_SHORTEST_WORD)
			sought->parts[sought->n++] = (Part) {value->data + at, end - at}, n++;
	}
}

static void
seek_bare(Sought *bare, const Part *value)
{
	Part		part = {exact_room(value->len), 0};
	bool		has_quote = false;

	for (size_t i = 0; i < value->len; i++)
	{
		if (is_quote(value->data[i]))
			has_quote |= i < BLOT_LONG;
		else
			part.data[part.len++] = value->data[i];
	}
	if (!has_quote || part.len < BLOT_SHORTEST_WORD)
		part.len = 0;
	bare->parts[bare->n++] = part;
}

static void
seek(const Part *values, Sought *sought, Sought *bare)
{
	sought->n = bare->n = 0;
	for (int i = 0; i < NVALUES; i++)
	{
		sought->parts[sought->n++] = values[i];
		seek_words(sought, &values[i]);
		seek_bare(bare, &values[i]);
	}
}

/* ---- the slow search ---- */

typedef struct Seen
{
	size_t		n;
	unsigned char bytes[MOST_TEXT];
	size_t		from[MOST_TEXT];
	size_t		upto[MOST_TEXT];
} Seen;

static void
see(Seen *seen, uint32_t byte, size_t from, size_t upto)
{
	seen->bytes[seen->n] = (unsigned char) byte;
	seen->from[seen->n] = from;
	seen->upto[seen->n++] = upto;
}

static bool
is_there(const Seen *seen, size_t at, const Part *value, size_t len)
{
	if (at + len > seen->n)
		return false;
	for (size_t i = 0; i < len; i++)
		if (tolower(seen->bytes[at + i]) != tolower((unsigned char) value->data[i]))
			return false;
	return true;
}

static bool
is_any_there(const Seen *seen, size_t at, const Sought *sought, size_t more_than, size_t most, size_t len)
{
	for (int i = 0; i < sought->n; i++)
		if (sought->parts[i].len > more_than && sought->parts[i].len <= most && is_there(seen, at, &sought->parts[i], len))
			return true;
	return false;
}

static size_t
longest_there(const Seen *seen, size_t at, const Sought *sought, size_t shortest)
{
	size_t		longest = 0;

	for (int i = 0; i < sought->n; i++)
	{
		const Part *part = &sought->parts[i];

		if (part->len >= shortest && part->len <= BLOT_LONG && part->len > longest && is_there(seen, at, part, part->len))
			longest = part->len;
	}
	return longest;
}

static size_t
end_of_cut(const Seen *seen, size_t at)
{
	size_t		left = seen->n - at;

	for (size_t i = BLOT_START; i <= BLOT_LONG && i + 3 <= left; i++)
		if (memcmp(seen->bytes + at + i, "...", 3) == 0)
			return at + i;
	return left < BLOT_LONG ? seen->n : at;
}

/* What the header promises. */
static void
mark_all(const Seen *seen, const Sought *sought, size_t shortest, char *mask, size_t len)
{
	for (size_t at = 0; at < seen->n; at++)
	{
		size_t		whole = longest_there(seen, at, sought, shortest);
		size_t		end = at + whole;

		if (is_any_there(seen, at, sought, BLOT_LONG, SIZE_MAX, BLOT_BEGINNING)
			|| (whole == 0 && is_any_there(seen, at, sought, BLOT_BEGINNING, BLOT_LONG, BLOT_BEGINNING)))
			memset(mask + seen->from[at], 1, len - seen->from[at]);
		else if (whole == 0 && is_any_there(seen, at, sought, BLOT_START, SIZE_MAX, BLOT_START))
			end = end_of_cut(seen, at);
		if (end > at)
			memset(mask + seen->from[at], 1, seen->upto[end - 1] - seen->from[at]);
	}
}

static void
see_escapes(const char *text, size_t len, bool backslashes, bool singles, bool doubles, Seen *seen)
{
	for (size_t at = 0; at < len;)
	{
		char		out[4] = {text[at]};
		size_t		n = 1;
		size_t		used = 1;

		if (backslashes && text[at] == '\\')
			used = decode_escape(text + at, len - at, out, &n);
		else if (at + 1 < len && text[at + 1] == text[at] && ((singles && text[at] == '\'') || (doubles && text[at] == '"')))
			used = 2;
		for (size_t i = 0; i < n; i++)
			see(seen, (uint32_t) out[i], at, at + used);
		at += used;
	}
}

static void
see_percent(const char *text, size_t len, Seen *seen)
{
	for (size_t at = 0; at < len; at++)
	{
		char		digits[3] = {0};

		if (text[at] == '%' && at + 2 < len && isxdigit((unsigned char) text[at + 1]) && isxdigit((unsigned char) text[at + 2]))
		{
			memcpy(digits, text + at + 1, 2);
			see(seen, (uint32_t) strtoul(digits, NULL, 16), at, at + 3);
			at += 2;
		}
		else
			see(seen, (uint32_t) text[at], at, at + 1);
	}
}

/* Where the run of hex digits ends that begins there. */
static size_t
end_of_hex(const char *text, size_t len, size_t at)
{
	while (at < len && isxdigit((unsigned char) text[at]))
		at++;
	return at;
}

static void
mark_hex(const char *text, size_t len, const Sought *sought, char *mask)
{
	static Seen seen;

	for (size_t at = 0, end; at < len; at = end + 1)
	{
		end = end_of_hex(text, len, at);
		for (size_t skip = 0; end - at >= 16 && skip < 2; skip++)
		{
			seen.n = 0;
			for (size_t i = at + skip; i + 2 <= end; i += 2)
				see(&seen, (uint32_t) decode_hex_digit(text[i]) << 4 | (uint32_t) decode_hex_digit(text[i + 1]), i, i + 2);
			mark_all(&seen, sought, BLOT_SHORTEST_BLIND, mask, len);
		}
	}
}

static bool
is_digit64(char c)
{
	return isalnum((unsigned char) c) || (c && strchr("+/-_", c));
}

/* Line ends, if more digits come behind them. */
static size_t
end_of_gap(const char *text, size_t len, size_t at)
{
	size_t		end = at;

	for (;;)
	{
		if (end < len && (text[end] == '\n' || text[end] == '\r'))
			end++;
		else if (end + 1 < len && text[end] == '\\' && (text[end + 1] == 'n' || text[end + 1] == 'r'))
			end += 2;
		else
			break;
	}
	return end < len && is_digit64(text[end]) ? end : at;
}

/* The digits of a run, and where they stand. */
static size_t
read_digits64(const char *text, size_t len, size_t at, size_t *places, size_t *n)
{
	*n = 0;
	for (;;)
	{
		size_t		next;

		while (at < len && is_digit64(text[at]))
			places[(*n)++] = at++;
		next = *n >= 11 ? end_of_gap(text, len, at) : at;
		if (next == at)
			return at;
		at = next;
	}
}

static unsigned
bit_of(const char *text, const size_t *places, size_t bit)
{
	return (unsigned) decode_base64_digit(text[places[bit / 6]]) >> (5 - bit % 6) & 1;
}

static void
mark_base64(const char *text, size_t len, const Sought *sought, char *mask)
{
	static Seen seen;
	static size_t places[MOST_TEXT];
	size_t		n;

	for (size_t at = 0, end; at < len; at = end > at ? end : at + 1)
	{
		end = read_digits64(text, len, at, places, &n);
		for (size_t skip = 0; n >= 11 && skip < 4; skip++)
		{
			seen.n = 0;
			for (size_t bit = 6 * skip; bit + 8 <= 6 * n; bit += 8)
			{
				unsigned	byte = 0;

				for (size_t i = 0; i < 8; i++)
					byte = byte << 1 | bit_of(text, places, bit + i);
				see(&seen, byte, places[bit / 6], places[(bit + 7) / 6] + 1);
			}
			mark_all(&seen, sought, BLOT_SHORTEST_BLIND, mask, len);
		}
	}
}

/* The length of a number of a byte; of what is none, how much to pass over, negative. */
static int
read_number(const char *text, size_t len, long *number)
{
	char		copy[8] = {0};
	int			n = 0;
	int			sign = len > 0 && text[0] == '-';
	int			all = 0;

	while ((size_t) (sign + all) < len && isdigit((unsigned char) text[sign + all]))
		all++;
	if (all == 0 || all > 3)
		return sign || all == 0 ? -1 : -all;
	memcpy(copy, text, (size_t) (sign + all));
	*number = strtol(copy, NULL, 10);
	n = sign + all;
	return *number > 255 || *number < -255 ? (sign ? -1 : -all) : n;
}

static void
mark_numbers(const char *text, size_t len, const Sought *sought, char *mask)
{
	static Seen seen;

	for (size_t at = 0; at < len;)
	{
		long		number;
		int			n = read_number(text + at, len - at, &number);

		seen.n = 0;
		if (n < 0)
		{
			at += (size_t) -n;
			continue;
		}
		for (;;)
		{
			size_t		gap = 0;

			see(&seen, (uint32_t) number, at, at + (size_t) n);
			at += (size_t) n;
			if (at < len && (text[at] == ',' || text[at] == ':'))
				gap++;
			while (gap < 64 && at + gap < len && memchr(" \n\t", text[at + gap], 3))
				gap++;
			n = gap > 0 ? read_number(text + at + gap, len - at - gap, &number) : -1;
			if (n < 0)
				break;
			at += gap;
		}
		if (seen.n >= 8)
			mark_all(&seen, sought, BLOT_SHORTEST_BLIND, mask, len);
	}
}

static void
see_bare(const char *text, size_t len, Seen *seen)
{
	for (size_t at = 0; at < len; at++)
		if (!is_quote(text[at]))
			see(seen, (uint32_t) text[at], at, at + 1);
}

static void
mark_text(const char *text, size_t len, const Sought *sought, const Sought *bare, char *mask)
{
	static Seen seen;
	int			present = (memchr(text, '\\', len) ? 1 : 0) | (memmem(text, len, "''", 2) ? 2 : 0) | (memmem(text, len, "\"\"", 2) ? 4 : 0);

	for (int escapes = 0; escapes < 8; escapes++)
	{
		if (escapes & ~present)
			continue;
		seen.n = 0;
		see_escapes(text, len, escapes & 1, escapes & 2, escapes & 4, &seen);
		mark_all(&seen, sought, BLOT_SHORTEST, mask, len);
	}
	seen.n = 0;
	see_percent(text, len, &seen);
	mark_all(&seen, sought, BLOT_SHORTEST, mask, len);
	seen.n = 0;
	see_bare(text, len, &seen);
	if (present)
		mark_all(&seen, bare, BLOT_SHORTEST, mask, len);
	mark_hex(text, len, sought, mask);
	mark_base64(text, len, sought, mask);
	mark_numbers(text, len, sought, mask);
}

static void
check_text(const char *text, size_t len, const Part *values)
{
	char		mask[MOST_TEXT] = {0};
	char	   *covered = exact_room(len);
	bool		any = false;
	Sought		sought;
	Sought		bare;

	memcpy(covered, text, len);
	seek(values, &sought, &bare);
	mark_text(text, len, &sought, &bare, mask);
	for (size_t i = 0; i < len; i++)
		any |= mask[i];
	PROPERTY(blot_text(blotter, covered, len) == any);
	for (size_t i = 0; i < len; i++)
		PROPERTY(covered[i] == (mask[i] ? '*' : text[i]));
	for (int i = 0; i < bare.n; i++)
		free(bare.parts[i].data);
	free(covered);
}

#pragma clang attribute pop

/* ---- texts ---- */

#define NWAYS 11

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *
write_base64(const char *value, size_t len, char *out)
{
	for (size_t bit = 0; bit < 8 * len; bit += 6)
	{
		unsigned	pair = (unsigned) (unsigned char) value[bit / 8] << 8
			| (bit / 8 + 1 < len ? (unsigned char) value[bit / 8 + 1] : 0);

		if (bit > 0 && bit % (6 * 76) == 0)
			*out++ = '\n';
		*out++ = digits64[pair >> (10 - bit % 8) & 63];
	}
	return out;
}

static char *
write_byte(int way, unsigned char c, char *out)
{
	switch (way)
	{
		case 0:
			return out + sprintf(out, "%02x", c);
		case 1:
			return out + sprintf(out, "%02X", c);
		case 2:
			return out + sprintf(out, "%%%02X", c);
		case 3:
			return out + sprintf(out, "\\%03o", c);
		case 4:
			return out + sprintf(out, " %d", (signed char) c);
		case 5:
			*out++ = (char) c;
			if (c == '\'' || c == '"')
				*out++ = (char) c;
			return out;
		case 6:
			if (is_quote((char) c))
				*out++ = (char) (c == '\'' ? c : '\\');
			*out++ = (char) c;
			return out;
		case 7:
			return c < 0x80 ? out + sprintf(out, "\\u%04x", c) : (*out = (char) c, out + 1);
		case 8:
			*out = (char) toupper(c);
			return out + 1;
		case 10:
			for (int i = 0; i < 3 && is_quote((char) c); i++)
				*out++ = (char) c;
			*out = (char) c;
			return out + 1;
		default:
			*out = (char) c;
			return out + 1;
	}
}

/* So much of it as fits, and not always all. */
static size_t
write_value(const Part *value, int way, size_t most, char *out)
{
	char	   *at = out;

	for (size_t i = 0; i < value->len && way < NWAYS && at + 8 <= out + most; i++)
		at = write_byte(way, (unsigned char) value->data[i], at);
	if (way == NWAYS && most > 2 * value->len + 8)
		at = write_base64(value->data, value->len, at);
	return (size_t) (at - out);
}

static size_t
write_text(const Part *script, const Part *values, char *text)
{
	size_t		len = 0;

	for (size_t i = 0; i < script->len && len < MOST_TEXT; i++)
	{
		unsigned char c = (unsigned char) script->data[i];

		if (c < NWAYS + 1 || (c >= 14 && c < 14 + NWAYS + 1))
			len += write_value(&values[c < 14 ? 0 : 1], c % 14, MOST_TEXT - len, text + len);
		else
			text[len++] = (char) c;
	}
	return len;
}

/* ---- members ---- */

static void
check_members(const Part *value, const Part *any)
{
	char		json[6 * MOST_VALUE + 100];
	char	   *out = json + sprintf(json, "{\"user\": \"%.*s\", \"DbPassword\" : \"", 4, "user");
	char	   *copy = exact_room(value->len);

	blot_age(blotter);
	blot_age(blotter);
	for (size_t i = 0; i < value->len; i++)
		out = write_byte(value->data[i] & 0x80 ? 9 : 7, (unsigned char) value->data[i], out);
	out += sprintf(out, "\"}");
	members_remember(blotter, json, (size_t) (out - json));
	memcpy(copy, value->data, value->len);
	PROPERTY(blot_text(blotter, copy, value->len) == (value->len >= BLOT_SHORTEST));
	free(copy);
	members_remember(blotter, any->data, any->len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Part		values[NVALUES];
	Part		script;
	char		text[MOST_TEXT + 8];
	size_t		len;
	static const uint8_t key[BLOT_KEY_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};

	blot_init(blotter, key);
	for (int i = 0; i < NVALUES; i++)
	{
		values[i] = next_part(&data, &size);
		values[i].len = values[i].len < MOST_VALUE ? values[i].len : MOST_VALUE;
		blot_remember(blotter, values[i].data, values[i].len);
		if (i == 0)
			blot_age(blotter);
		/* What is too short is not remembered. */
		if (values[i].len < BLOT_SHORTEST)
			values[i].len = 0;
	}
	script = next_part(&data, &size);
	len = write_text(&script, values, text);
	check_text(text, len, values);
	check_members(&values[0], &script);
	for (int i = 0; i < NVALUES; i++)
		free(values[i].data);
	free(script.data);
	return 0;
}
