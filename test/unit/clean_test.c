/*
 * clean_test.c: values are taken out of texts, however they are written in them.
 */
#include "rotation/clean.h"

#include "check.h"

#include <ctype.h>

#define PASSWORD "xK9.tq~V'w\"2\\pL_8-Ze"

static char room[CLEAN_MOST_TEXT * 4];

static const char *
cleaned_of(const char *text, const CleanValue *values, int n)
{
	strcpy(room, text);
	return clean_text(room, values, n) ? room : "(withheld)";
}

static const char *
cleaned(const char *text, const char *value)
{
	CleanValue	values[1] = {{value, strlen(value), false}};

	return cleaned_of(text, values, 1);
}

/* In the middle of words that must stay. */
static void
expect_gone(const char *encoded, const char *value)
{
	char		text[CLEAN_MOST_TEXT];

	snprintf(text, sizeof(text), "role \"it's\" has %s, and more", encoded);
	CHECK(strcmp(cleaned(text, value), "role \"it's\" has ***, and more") == 0, "%s: %s", text, room);
	CHECK(strcmp(cleaned(encoded, value), "***") == 0, "%s: %s", encoded, room);
}

static void
as_it_is(void)
{
	expect_gone(PASSWORD, PASSWORD);
	expect_gone("abcd", "abcd");
	expect_gone("\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac", "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac");
	CHECK(strcmp(cleaned("nothing of it", PASSWORD), "nothing of it") == 0);
	CHECK(strcmp(cleaned("", PASSWORD), "") == 0);
	CHECK(strcmp(cleaned("", ""), "") == 0);
	CHECK(strcmp(cleaned("some words", ""), "some words") == 0);
	CHECK(strcmp(cleaned(PASSWORD PASSWORD " " PASSWORD, PASSWORD), "*** ***") == 0, "%s", room);
	CHECK(strcmp(cleaned("aaaaaaa", "aaaa"), "***") == 0, "they overlap: %s", room);
}

static void
escaped(void)
{
	expect_gone("xK9.tq~V'w\\\"2\\\\pL_8-Ze", PASSWORD);	/* JSON */
	expect_gone("xK9.tq~V'w\\u00222\\u005cpL_8-Ze", PASSWORD);
	expect_gone("xK9.tq~V\\'w\"2\\\\pL_8-Ze", PASSWORD);	/* Python */
	expect_gone("xK9.tq~V''w\"2\\pL_8-Ze", PASSWORD);	/* SQL */
	expect_gone("xK9.tq~V'w\"\"2\\pL_8-Ze", PASSWORD);
	expect_gone("xK9.tq~V''w\"2\\\\pL_8-Ze", PASSWORD); /* E'' */
	expect_gone("xK9.tq~V\\047w\\0422\\134pL_8-Ze", PASSWORD);	/* bytea, C */
	expect_gone("xK9.tq~V\\x27w\\x222\\x5CpL_8-Ze", PASSWORD);
	expect_gone("a\\nb\\tc\\rd\\fe\\bf\\/g", "a\nb\tc\rd\fe\bf/g");
	expect_gone("\\u00e4\\u20ac\\ud83d\\ude00", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	expect_gone("\\xc3\\xa4\\xe2\\x82\\xac", "\xc3\xa4\xe2\x82\xac");
	/* What looks like an escape and is none. */
	expect_gone("ab\\ncd\\", "ab\\ncd\\");
	expect_gone("%41%zz%4", "%41%zz%4");
	expect_gone("''''\\\\\\\\", "''''\\\\\\\\");
}

/* What only one of the ways to read a text undoes; each would spoil the others' work. */
static void
each_way_counts(void)
{
	expect_gone("a%4141''\"\"\\n+b 41", "a%4141''\"\"\\n+b 41");
	expect_gone("a''\"\"\\\\nb", "a''\"\"\\nb");
	expect_gone("a''b\\n\"\"c", "a'b\\n\"\"c");
	expect_gone("a\"\"b\\n''c", "a\"b\\n''c");
	expect_gone("a''\"\"b\\nc", "a'\"b\\nc");
	expect_gone("a''b\\\\n\"\"c", "a'b\\n\"\"c");
	expect_gone("a\"\"b\\\\n''c", "a\"b\\n''c");
	expect_gone("a+b%20c", "a+b c");
	expect_gone("a+b%20c", "a b c");
}

static void
in_urls(void)
{
	expect_gone("xK9.tq~V%27w%222%5cpL_8-Ze", PASSWORD);
	expect_gone("xK9%2Etq%7EV%27w%222%5CpL_8%2DZe", PASSWORD);
	expect_gone("two%20words%21", "two words!");
	expect_gone("two+words%21", "two words!");
	CHECK(strcmp(cleaned("postgresql://app:p%40ss%2Fword@db/app", "p@ss/word"), "postgresql://app:***@db/app") == 0, "%s", room);
}

/* ---- in digits ---- */

static void
write_hex(const char *value, const char *format, char *out)
{
	for (; *value; value++)
		out += sprintf(out, format, (unsigned char) *value);
}

static void
write_base64(const char *value, size_t len, const char *digits, int line, char *out)
{
	int			column = 0;

	for (size_t i = 0; i < len; i += 3)
	{
		size_t		left = len - i;
		unsigned	bits = (unsigned) (unsigned char) value[i] << 16
			| (left > 1 ? (unsigned) (unsigned char) value[i + 1] << 8 : 0) | (left > 2 ? (unsigned char) value[i + 2] : 0);

		for (size_t k = 0; k < 4 && k <= left; k++, column++)
		{
			if (line && column == line)
				*out++ = '\n', column = 0;
			*out++ = digits[bits >> (18 - 6 * k) & 63];
		}
	}
	*out = '\0';
}

static const char *const alphabets[] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

static void
in_hex(void)
{
	static const char *const formats[] = {"%02x", "%02X", "\\x%02x", "%%%02X", "%02x ", "%02x:"};
	char		hex[400];
	char		text[500];

	for (size_t i = 0; i < lengthof(formats); i++)
	{
		write_hex(PASSWORD, formats[i], hex);
		if (i >= 4)
			hex[strlen(hex) - 1] = '\0';
		expect_gone(hex, PASSWORD);
	}
	/* In the middle of more of it, at an even place and at an odd one. */
	write_hex(PASSWORD, "%02x", hex);
	snprintf(text, sizeof(text), "\\x0001%s02", hex);
	CHECK(strcmp(cleaned(text, PASSWORD), "\\x0001***02") == 0, "%s", room);
	snprintf(text, sizeof(text), "\\x001%s02", hex);
	CHECK(strcmp(cleaned(text, PASSWORD), "\\x001***02") == 0, "%s", room);
}

static void
in_base64(void)
{
	char		encoded[400];

	for (size_t i = 0; i < lengthof(alphabets); i++)
		for (int line = 0; line <= 17; line++)
		{
			static const char bytes[] = "\xfb\xff\xfe>>>???" PASSWORD;

			write_base64(bytes, strlen(bytes), alphabets[i], line, encoded);
			expect_gone(encoded, bytes);
		}
}

/* As "Basic" authentication has it: with a user in front, and something behind. */
static void
in_base64_of_more(void)
{
	for (size_t before = 0; before < 6; before++)
		for (size_t behind = 0; behind < 6; behind++)
			for (size_t more = 0; more < 5; more++)
			{
				char		bytes[100];
				char		encoded[400];
				char		text[500];
				CleanValue	value = {PASSWORD, strlen(PASSWORD), false};

				snprintf(bytes, sizeof(bytes), "%.*s" PASSWORD "%.*s", (int) before, "user::", (int) behind, "behind");
				write_base64(bytes, strlen(bytes), alphabets[0], 0, encoded);
				snprintf(text, sizeof(text), "%.*s%s", (int) more, "Ab9+", encoded);
				strcpy(room, text);
				CHECK(clean_text(room, &value, 1), "%s: %s", text, room);
				CHECK(strstr(room, "***") && strlen(room) <= strlen("***") + more + 4 * (before + behind + 2) / 3 + 2, "%s: %s", text, room);
			}
}

static void
in_numbers(void)
{
	static const char *const gaps[] = {" ", ", ", ","};

	for (size_t i = 0; i < lengthof(gaps); i++)
	{
		char		text[400] = "";

		for (const char *p = PASSWORD; *p; p++)
			sprintf(text + strlen(text), "%s%d", *text ? gaps[i] : "", *p);
		expect_gone(text, PASSWORD);
	}
	expect_gone("-61 -92 -61 -74 -61 -68", "\xc3\xa4\xc3\xb6\xc3\xbc");
	expect_gone("195, 164, 195, 182, 195, 188", "\xc3\xa4\xc3\xb6\xc3\xbc");
	CHECK(strcmp(cleaned("1234567 2024-11-21 10:20:30", PASSWORD), "1234567 2024-11-21 10:20:30") == 0);
}

/* ---- parts, and short ones ---- */

static void
parts_are_withheld(void)
{
	static const char value[] = "CANARY-0123456789-end";
	char		hex[100];

	for (size_t from = 0; from + 6 <= strlen(value); from++)
		for (size_t len = 5; from + len < strlen(value); len++)
		{
			char		text[100];

			snprintf(text, sizeof(text), "so: %.*s.", (int) len, value + from);
			CHECK((strcmp(cleaned(text, value), "(withheld)") == 0) == (len >= CLEAN_RUN), "%s: %s", text, room);
			CHECK(len >= CLEAN_RUN || strcmp(room, text) == 0);
		}
	write_hex("0123456", "%02x", hex);
	CHECK(strcmp(cleaned(hex, value), "(withheld)") == 0, "%s", room);
	CHECK(strcmp(cleaned("CANARY-0123456789-end and CANARY-", value), "(withheld)") == 0, "%s", room);
}

static void
values_may_be_whole(void)
{
	CleanValue	whole[] = {{"{\"password\": \"abcdefgh\"}", 24, true}, {"abcdefgh", 8, false}};

	CHECK(strcmp(cleaned_of("password authentication failed", whole, 2), "password authentication failed") == 0);
	CHECK(strcmp(cleaned_of("password \"abcdefgh\" refused", whole, 2), "password \"***\" refused") == 0, "%s", room);
	CHECK(strcmp(cleaned_of("value {\"password\": \"abcdefgh\"}?", whole, 2), "value ***?") == 0, "%s", room);
	CHECK(strcmp(cleaned_of("value {\"password\": \"abcdef", whole, 2), "(withheld)") == 0, "%s", room);
}

static void
short_ones(void)
{
	CHECK(strcmp(cleaned("no such thing", "xy"), "no such thing") == 0);
	CHECK(strcmp(cleaned("no such thing", "s"), "(withheld)") == 0);
	CHECK(strcmp(cleaned("no such thing", "uch"), "(withheld)") == 0);
	CHECK(strcmp(cleaned("a%20b", " "), "(withheld)") == 0);
	CHECK(strcmp(cleaned("it\\'s", "t's"), "(withheld)") == 0);
	CHECK(strcmp(cleaned("something", "\xb2\x89"), "something") == 0, "its base64 stands there by chance");
	CHECK(strcmp(cleaned("\"***\"", "***"), "(withheld)") == 0);
	CHECK(strcmp(cleaned("ab***cd abcdef", "abcdef"), "ab***cd ***") == 0, "%s", room);
	CHECK(strcmp(cleaned("ababcdefcd", "abcdef"), "ab***cd") == 0, "%s", room);
	CHECK(strcmp(cleaned("ab12345cd", "12345"), "ab***cd") == 0, "%s", room);
}

/* What stands for a value must not make another one. */
static void
stars(void)
{
	CleanValue	values[] = {{"12345", 5, false}, {"ab***cd", 7, false}};

	CHECK(strcmp(cleaned_of("ab12345cd", values, 2), "(withheld)") == 0, "%s", room);
	CHECK(strcmp(cleaned("*******", "******"), "***") == 0, "%s", room);
	CHECK(strcmp(cleaned("********** ***", "****"), "*** ***") == 0, "%s", room);
}

static void
long_ones(void)
{
	static char text[CLEAN_MOST_TEXT + 2];
	static char value[100000];
	CleanValue	values[1] = {{value, sizeof(value), false}};

	memset(text, 'x', CLEAN_MOST_TEXT);
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char) pick(256);
	CHECK(clean_text(text, values, 1) && strlen(text) == CLEAN_MOST_TEXT);
	memcpy(text + CLEAN_MOST_TEXT - 6, "abcdef", 6);
	memcpy(value + sizeof(value) - 6, "abcdef", 6);
	CHECK(!clean_text(text, values, 1));
	memset(value, 'x', 6);
	memset(text, 'y', CLEAN_MOST_TEXT + 1);
	CHECK(!clean_text(text, values, 1), "too long");
	text[CLEAN_MOST_TEXT] = '\0';
	CHECK(clean_text(text, values, 1));
	memset(text, '%', CLEAN_MOST_TEXT);
	CHECK(clean_text(text, values, 1));
	memset(text, '\\', CLEAN_MOST_TEXT);
	CHECK(clean_text(text, values, 1));
	values[0].len = 3000;
	memset(value, 'y', 3000);
	memset(text, 'y', CLEAN_MOST_TEXT);
	CHECK(clean_text(text, values, 1) && strcmp(text, "***") == 0);
}

/* ---- members ---- */

static void
expect_members(const char *json, const char *wanted)
{
	char	   *copy = exact_copy(json, strlen(json));
	char	   *space = exact_copy(json, strlen(json));
	CleanValue	values[8];
	int			n = clean_members(copy, strlen(json), space, values, 8);
	char		got[500] = "";

	for (int i = 0; i < n; i++)
		sprintf(got + strlen(got), "%.*s%s", (int) values[i].len, values[i].data, values[i].only_whole ? "!|" : "|");
	CHECK(strcmp(n < 0 ? "too many" : got, wanted) == 0, "%s: %s", json, got);
	free(space);
	free(copy);
}

static void
members(void)
{
	expect_members("{}", "");
	expect_members("{\"password\": \"secret\"}", "secret|");
	expect_members("{\"password\":\"x\",\"other\":\"y\"}", "x|");
	expect_members("{\"password\":\"\"}", "");
	expect_members("{\"username\":\"app_user\",\"host\":\"db.example.com\",\"port\":54321,\"dbname\":\"orders\",\"password\":\"pw\"}", "pw|");
	expect_members("{\"port\": \"54321\", \"pin\": 123456, \"n\":-1.5e10}", "123456|-1.5e10|");
	expect_members("{\"uri\" : \"x://u:pw@h\", \"t\":true, \"f\":false, \"n\":null}", "x://u:pw@h!|");
	expect_members("{\"a\":{\"b\":[\"first\",\"second\",{\"c\":\"third\"}]},\"d\":\"fourth\"}", "first|second|third|fourth|");
	expect_members("{\"\\u0070assword\":\"\\u0061\\n\\\"\\\\\"}", "a\n\"\\|");
	expect_members("{\"k\":\"\\ud83d\\ude00\"}", "\xf0\x9f\x98\x80|");
	expect_members("{\"k\":\"a\\\"b: c\", \"l\":\"4444\"}", "a\"b: c|4444|");
	expect_members("{\"k\":[1000,2000,3000,4000,5000,6000,7000,8000]}", "1000|2000|3000|4000|5000|6000|7000|8000|");
	expect_members("{\"k\":[1000,2000,3000,4000,5000,6000,7000,8000,9000]}", "too many");
	/* It is to be valid; what is not does no harm. */
	expect_members("\"", "");
	expect_members("{\"k\":\"\\", "");
	expect_members("{\"k\":\"abcd\\", "abcd\\|");
	expect_members("{\"k\":\"abcd\\u12", "abcdu12|");
	expect_members("{\"k\":-", "");
}

int
main(void)
{
	RUN(as_it_is);
	RUN(escaped);
	RUN(each_way_counts);
	RUN(in_urls);
	RUN(in_hex);
	RUN(in_base64);
	RUN(in_base64_of_more);
	RUN(in_numbers);
	RUN(parts_are_withheld);
	RUN(values_may_be_whole);
	RUN(short_ones);
	RUN(stars);
	RUN(long_ones);
	RUN(members);
	return check_summary("clean");
}
