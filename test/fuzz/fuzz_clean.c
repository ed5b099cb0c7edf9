/*
 * fuzz_clean.c: somebody's text with a value in it, and somebody's JSON.
 */
#include "property.h"

#include "rotation/clean.h"

static bool
contains(const char *text, const char *bytes, size_t len)
{
	return memmem(text, strlen(text), bytes, len) != NULL;
}

/* What the header promises of a text that may be shown. */
static void
check_clean(const char *text, const char *before, const CleanValue *value)
{
	PROPERTY(strlen(text) <= strlen(before));
	PROPERTY(value->len == 0 || !contains(text, value->data, value->len));
	for (size_t at = 0; !value->only_whole && at + CLEAN_RUN <= value->len; at++)
		PROPERTY(!contains(text, value->data + at, CLEAN_RUN));
}

static bool
clean_copy(const char *text, const CleanValue *value, char **out)
{
	*out = exact_room(strlen(text) + 1);
	memcpy(*out, text, strlen(text) + 1);
	return clean_text(*out, value, 1);
}

static void
check_text(const char *text, const CleanValue *value)
{
	char	   *cleaned;
	char	   *again;

	if (clean_copy(text, value, &cleaned))
	{
		check_clean(cleaned, text, value);
		PROPERTY(clean_copy(cleaned, value, &again) && strcmp(again, cleaned) == 0);
		free(again);
	}
	else
		PROPERTY(value->len > 0 || strlen(text) > CLEAN_MOST_TEXT);
	free(cleaned);
}

/* ---- a value written in one of many ways ---- */

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *
write_base64(const char *value, size_t len, char *out)
{
	for (size_t bit = 0; bit < 8 * len; bit += 6)
	{
		unsigned	pair = (unsigned) (unsigned char) value[bit / 8] << 8
			| (bit / 8 + 1 < len ? (unsigned char) value[bit / 8 + 1] : 0);

		*out++ = digits64[pair >> (10 - bit % 8) & 63];
	}
	return out;
}

static char *
write_byte(int way, unsigned char c, bool first, char *out)
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
			return out + sprintf(out, "\\x%02x", c);
		case 4:
			return out + sprintf(out, "\\%03o", c);
		case 5:
			return out + sprintf(out, "%s%d", first ? "" : ", ", c);
		case 6:
			return out + sprintf(out, "%s%d", first ? "" : " ", (signed char) c);
		case 7:
			return out + sprintf(out, "%s%02x", first ? "" : ":", c);
		case 8:
			return out + (c == '\'' || c == '"' ? sprintf(out, "%c%c", c, c) : sprintf(out, "%c", c));
		case 9:
			return out + (c == '\'' || c == '\\' ? sprintf(out, "%c%c", c, c) : sprintf(out, "%c", c));
		case 10:
			return out + (c == '"' || c == '\\' ? sprintf(out, "\\%c", c) :
						  c < 0x20 ? sprintf(out, "\\u%04x", c) : sprintf(out, "%c", c));
		default:
			return out + sprintf(out, "%c", c);
	}
}

#define NWAYS 13

/* Of a text that is it, and two signs, nothing but these may be left. */
static void
check_written(int way, const CleanValue *value)
{
	char	   *text = exact_room(6 * value->len + 100);
	char	   *out = text + sprintf(text, "~ ");
	char	   *cleaned;

	if (way == NWAYS - 1)
		out = write_base64(value->data, value->len, out);
	for (size_t i = 0; i < value->len && way < NWAYS - 1; i++)
		out = write_byte(way, (unsigned char) value->data[i], i == 0, out);
	sprintf(out, " ~");
	if (strlen(text) == (size_t) (out - text) + 2)	/* no zero byte in it */
	{
		if (clean_copy(text, value, &cleaned))
			PROPERTY(strstr(cleaned, "***") && strlen(cleaned) <= 7);
		free(cleaned);
	}
	free(text);
}

static void
check_members(const Part *json)
{
	char	   *space = exact_room(json->len);
	CleanValue	values[4];
	int			n = clean_members(json->data, json->len, space, values, 4);

	PROPERTY(n >= -1 && n <= 4);
	for (int i = 0; i < n; i++)
		PROPERTY(values[i].len > 0 && values[i].data >= space && values[i].data + values[i].len <= space + json->len);
	free(space);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Part		value = next_part(&data, &size);
	Part		text = next_part(&data, &size);
	CleanValue	hidden = {value.data, value.len, size > 0 && data[0] % 2};
	char	   *string = exact_room(text.len + 1);

	memcpy(string, text.data, text.len);
	string[text.len] = '\0';
	check_text(string, &hidden);
	if (value.len >= CLEAN_SHORTEST)
		for (int way = 0; way < NWAYS; way++)
			check_written(way, &hidden);
	check_members(&text);
	free(string);
	free(text.data);
	free(value.data);
	return 0;
}
