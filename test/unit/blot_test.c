/*
 * blot_test.c: values are found in texts by their hashes, however they are written there.
 */
#include "redact/blot.h"
#include "redact/members.h"
#include "redact/sip.h"
#include "redact/view.h"

#include "check.h"

#define PASSWORD "xK9.tq~V'w\"2\\pL_8-Ze"	/* 20 bytes */

static uint64_t memory[BLOT_SIZE / sizeof(uint64_t)];
static Blotter *const blotter = (Blotter *) memory;
static char room[4096];

static void
begin(void)
{
	static const uint8_t key[BLOT_KEY_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

	blot_init(blotter, key);
}

static void
begin_with(const char *value)
{
	begin();
	blot_remember(blotter, value, strlen(value));
}

static const char *
covered(const char *text)
{
	size_t		len = strlen(text);
	bool		found;

	strcpy(room, text);
	found = blot_text(blotter, room, len);
	CHECK(found == (strcmp(room, text) != 0), "what it says of %s", text);
	CHECK(strlen(room) == len, "the length stays: %s", text);
	return room;
}

static void
expect(const char *text, const char *wanted)
{
	CHECK(strcmp(covered(text), wanted) == 0, "%s: %s", text, room);
}

static const char *
stars(size_t n)
{
	static char line[4096];

	memset(line, '*', n);
	line[n] = '\0';
	return line;
}

/* In the middle of words that must stay. */
static void
expect_gone(const char *encoded, const char *value)
{
	char		text[2048];
	char		wanted[2048];

	begin_with(value);
	snprintf(text, sizeof(text), "role \"it's\" has <%s>, and more", encoded);
	snprintf(wanted, sizeof(wanted), "role \"it's\" has <%s>, and more", stars(strlen(encoded)));
	expect(text, wanted);
	expect(encoded, stars(strlen(encoded)));
}

static void
expect_stays(const char *text)
{
	expect(text, text);
}

/* ---- what it remembers with ---- */

/* As Python 3.11 does it, under the key that PYTHONHASHSEED=1 stands for: hash(bytes(range(n))). */
static void
hash_is_siphash(void)
{
	static const uint8_t seed[16] = {41, 35, 190, 132, 225, 108, 214, 174, 82, 144, 73, 241, 241, 187, 233, 235};
	static const struct
	{
		size_t		n;
		uint64_t	hash;
	}			known[] = {
		{1, 0xecd3e5afcecda4b9}, {7, 0xfd15e78052a69ddf}, {8, 0xc0b5739e7e28dd01},
		{15, 0xfa87985f39e97a53}, {16, 0x12e9d283f9f37002}, {31, 0xb8c17103f21d8810},
		{32, 0xf78bafba3c64318e}, {63, 0x542052345bc68274}, {64, 0x7e644b6edc375dc8},
	};
	uint8_t		bytes[64];
	SipKey		key = sip_key(seed);

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) i;
	for (size_t i = 0; i < lengthof(known); i++)
		CHECK(sip_hash(&key, bytes, known[i].n) == known[i].hash, "of %zu bytes", known[i].n);
}

static void
only_what_was_remembered(void)
{
	begin();
	CHECK(blot_is_empty(blotter));
	expect_stays(PASSWORD);
	blot_remember(blotter, "abc", 3);
	CHECK(blot_is_empty(blotter), "too short");
	blot_remember(blotter, "", 0);
	blot_remember(blotter, "hunter2", 7);
	CHECK(!blot_is_empty(blotter));
	expect("", "");
	expect_stays("hunter3");
	expect_stays("abc hunter");
	expect_stays("hun ter2");
	expect("hunter2", "*******");
}

static void
ages(void)
{
	begin_with("first value");
	blot_age(blotter);
	expect("first value", "***********");
	blot_remember(blotter, "second value", 12);
	expect("first value, second value", "***********, ************");
	blot_age(blotter);
	expect("first value, second value", "first value, ************");
	blot_remember(blotter, "second value", 12);
	blot_age(blotter);
	expect("first value, second value", "first value, ************");
	blot_age(blotter);
	expect_stays("first value, second value");
	CHECK(blot_is_empty(blotter));
	begin_with("third value");
	begin();
	CHECK(blot_is_empty(blotter), "another key");
}

/* So many in one age that the first are gone; an age before has nothing to do with it. */
static void
too_many(void)
{
	char		value[40];
	int			n = 0;

	begin_with("the first of all");
	for (; n < BLOT_MOST / 2; n++)
		blot_remember(blotter, value, (size_t) sprintf(value, "value number %d", n));
	CHECK(!blot_has_lost(blotter), "%d values", n);
	expect("the first of all", "****************");
	blot_age(blotter);
	while (!blot_has_lost(blotter) && n < 100 * BLOT_MOST)
	{
		blot_remember(blotter, value, (size_t) sprintf(value, "value number %d", n));
		n++;
	}
	CHECK(n > 2 * BLOT_MOST && n < 100 * BLOT_MOST, "%d values", n);
	expect_stays("the first of all");
	blot_age(blotter);
	CHECK(!blot_has_lost(blotter), "another age");
}

/* Of different lengths, and of one beginning. */
static void
many(void)
{
	char		value[80];
	int			n = 3 * BLOT_MOST;

	begin();
	for (int i = 0; i < n; i++)
	{
		int			len = sprintf(value, "postgresql://app:%d", i * 7);

		while (len < 24 + i % 50)
			value[len++] = (char) ('a' + i % 26);
		blot_remember(blotter, value, (size_t) len);
		blot_remember(blotter, value, (size_t) len);
		value[len] = '\0';
		if (i % 100 == 0)
			expect(value, stars((size_t) len));
	}
	for (int i = n - BLOT_MOST; i < n; i++)
	{
		int			len = sprintf(value, "postgresql://app:%d", i * 7);

		while (len < 24 + i % 50)
			value[len++] = (char) ('a' + i % 26);
		value[len] = '\0';
		expect(value, stars((size_t) len));
	}
	blot_age(blotter);
	blot_age(blotter);
	expect_stays(value);
	CHECK(blot_is_empty(blotter));
}

/* However many texts and hashes each of them makes. */
static void
very_many(void)
{
	static const char *const forms[] = {
		"%08dabcdefghijklmnopqrstuvwxyzabcdef", "%08dabcdefghi'bcdefghijklmnopqr\"abcdefghijklmnopq\\abcdef", "%08d-abcdefg-abcdefg-abcdefg-abcdefg'"
	};
	char		value[80];

	for (size_t form = 0; form < lengthof(forms); form++)
	{
		begin();
		for (int i = 0; i < 10 * BLOT_MOST; i++)
			blot_remember(blotter, value, (size_t) sprintf(value, forms[form], i));
		for (int i = 9 * BLOT_MOST; i < 10 * BLOT_MOST; i++)
		{
			size_t		len = (size_t) sprintf(value, forms[form], i);

			expect(value, stars(len));
		}
	}
}

/* ---- what it finds ---- */

static void
as_it_is(void)
{
	expect_gone(PASSWORD, PASSWORD);
	expect_gone("abcd", "abcd");
	expect_gone("\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac", "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac");
	begin_with(PASSWORD);
	expect(PASSWORD PASSWORD " " PASSWORD, "**************************************** ********************");
	begin_with("aaaa");
	expect("aaaaaaa", "*******");
	expect("aaa", "aaa");
	begin_with("abcdefgh");
	blot_remember(blotter, "efghijkl", 8);
	blot_remember(blotter, "abcdef", 6);
	expect("abcdefghijkl", "************");
	expect("abcdefg", "******g");
	begin_with("* **");
	expect("a* **b", "a****b");
}

/* Names are folded on their way into messages. */
static void
whatever_case(void)
{
	expect_gone("hunter2xyz", "Hunter2XYZ");
	expect_gone("HUNTER2XYZ", "Hunter2XYZ");
	expect_gone("48554E544552327879", "Hunter2xy");
	begin_with("@[`{");
	expect_stays("`{@[ @[@[");
}

/* Each length, wherever it stands, also across the borders of what is in a view at once. */
static void
wherever(void)
{
	static const size_t lengths[] = {4, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64};
	char		text[2000];
	char		value[65];

	for (size_t l = 0; l < lengthof(lengths); l++)
	{
		begin();
		for (size_t i = 0; i < lengths[l]; i++)
			value[i] = (char) (33 + (i * 7 + l) % 90);
		blot_remember(blotter, value, lengths[l]);
		for (size_t at = 0; at < 1500; at += at < 300 || at > 600 ? 13 : 1)
		{
			memset(text, ' ', sizeof(text));
			memcpy(text + at, value, lengths[l]);
			CHECK(blot_text(blotter, text, sizeof(text)));
			CHECK(all_bytes(text + at, lengths[l], '*'), "%zu bytes at %zu", lengths[l], at);
			CHECK(all_bytes(text, at, ' '), "before");
			CHECK(all_bytes(text + at + lengths[l], sizeof(text) - at - lengths[l], ' '), "behind %zu bytes at %zu", lengths[l], at);
		}
	}
}

static void
escaped(void)
{
	expect_gone("xK9.tq~V'w\\\"2\\\\pL_8-Ze", PASSWORD);	/* JSON */
	expect_gone("xK9.tq~V'w\\u00222\\u005cpL_8-Ze", PASSWORD);
	expect_gone("xK9.tq~V\\'w\"2\\\\pL_8-Ze", PASSWORD);	/* Python */
	expect_gone("xK9.tq~V''w\"2\\pL_8-Ze", PASSWORD);	/* SQL */
	expect_gone("xK9.tq~V'w\"\"2\\pL_8-Ze", PASSWORD);	/* quote_ident, CSV */
	expect_gone("xK9.tq~V''w\"\"2\\pL_8-Ze", PASSWORD);	/* that in a literal */
	expect_gone("xK9.tq~V''w\"2\\\\pL_8-Ze", PASSWORD); /* E'' */
	expect_gone("xK9.tq~V''w\\\"2\\\\pL_8-Ze", PASSWORD);	/* JSON in a literal */
	expect_gone("xK9.tq~V\\047w\\0422\\134pL_8-Ze", PASSWORD);	/* bytea, C */
	expect_gone("xK9.tq~V\\x27w\\x222\\x5CpL_8-Ze", PASSWORD);
	expect_gone("xK9.tq%7EV%27w%222%5cpL_8-Ze", PASSWORD);
	expect_gone("a\\nb\\tc\\rd\\fe\\bf\\/g", "a\nb\tc\rd\fe\bf/g");
	expect_gone("\\u00e4\\u20ac\\ud83d\\ude00", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	/* What looks like an escape and is none. */
	expect_gone("ab\\ncd\\", "ab\\ncd\\");
	expect_gone("%41%zz%4", "%41%zz%4");
	expect_gone("''''\\\\\\\\", "''''\\\\\\\\");
}

static void
blindly(void)
{
	expect_gone("784b392e74717e5627772232", "xK9.tq~V'w\"2");
	expect_gone("784B392E74717E5627772232", "xK9.tq~V'w\"2");
	begin_with("xK9.tq~V");
	expect("\\x784b392e74717e56", "\\x****************");
	expect("\\x1784b392e74717e561", "\\x1****************1");
	expect("\\x01784b392e74717e5601", "\\x01****************01");
	expect("[ 120 75 57 46 116 113 126 86 ]", "[ *************************** ]");
	expect("{0,-1,120,75,57,46,116,113,126,86,7}", "{0,-1,***************************,7}");
	expect("[120, 75, 57, 46, 116, 113, 126, 86]", "[**********************************]");
	expect("[ 120 75 57 46\n        116 113 126 86 ]", "[ *********************************** ]");
	expect_stays("120 75 57 46 116 113 126");
	expect_stays("120, 75,, 57, 46, 116, 113, 126, 86");
	/* A value that does not begin with the run. */
	begin_with("abcdefgh");
	expect("eGFiY2RlZmdo", "e***********");
	expect("YWJjZGVmZ2g", "***********");
	expect("AAABeGFiY2RlZmdo", "AAABe***********");
	expect("QUFBYWJjZGVmZ2hC", "QUFB***********C");
	expect("aYWJjZGVmZ2g=", "a***********=");
	begin_with("\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xff");
	expect("//79/Pv6+fj/", "************");
	expect("__79_Pv6-fj_", "************");
	expect("-1 -2 -3 -4 -5 -6 -7 -8 255", "***************************");
	/* Broken into lines, as they are and as escapes. */
	begin_with("The quick brown fox jumps over");
	expect("VGhlIHF1aWNrIGJyb3\nduIGZveCBqdW1wcyBvdmVy.", "*****************************************.");
	expect("VGhlIHF1aWNrIGJyb3\\r\\nduIGZveCBqdW1wcyBvdmVy.", "********************************************.");
	/* Short ones may stand there by chance. */
	begin_with("abcdefg");
	expect_stays("61626364656667 YWJjZGVmZw 97 98 99 100 101 102 103");
}

/* However often it was quoted. */
static void
nested(void)
{
	expect_gone("xK9.tq~V''''w\\\\\\\"2\\\\\\\\pL_8-Ze", PASSWORD);
	expect_gone("xK9.tq~V''''''''w\"\"\"\"2\\\\\\\\pL_8-Ze", PASSWORD);
	begin_with("o'neil");
	expect_stays("on''eil");
	begin_with("o'neill");
	expect("o''''neill", "**********");
	expect_stays("oneill");
	expect("oneill, one''ill1", "******, ********1");
}

/* By which the server's own words about it tell it. */
static void
words(void)
{
	begin_with("hunter2x-secret9 of 'mine\"");
	expect("syntax error at or near \"hunter2x\"", "syntax error at or near \"********\"");
	expect("Token \"secret9\" is invalid", "Token \"*******\" is invalid");
	expect_stays("hunter2 mine");
	begin_with("postgresql://app_user:hunter2xyz@db.example.com/x");
	expect_stays("connection of app_user to postgresql at example");
	begin_with("{\"username\": \"app_user\"}");
	expect_stays("username of app_user");
	begin_with("one_word_alone");
	expect_stays("one_word");
	begin_with("aaaaaa bbbbbb cccccc dddddd eeeeee");
	expect("dddddd eeeeee", "****** eeeeee");
}

/* ---- what was cut, and what is long ---- */

static void
long_ones(void)
{
	char		value[300];
	char		text[700];

	begin();
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (char) ('a' + pick(26));
	blot_remember(blotter, value, sizeof(value));
	snprintf(text, sizeof(text), "is %.300s and more", value);
	expect(text, strcat(strcpy((char[700]) {0}, "is "), stars(309)));
	snprintf(text, sizeof(text), "is %.32s", value);
	expect(text, "is ********************************");
	snprintf(text, sizeof(text), "is %.31s and more: many words, so that nobody can take it to be at its end", value);
	expect_stays(text);
	snprintf(text, sizeof(text), "is %.31s", value);
	expect(text, "is *******************************");
	snprintf(text, sizeof(text), "is %.299s", value + 1);
	expect_stays(text);
	/* Up to BLOT_LONG they are covered alone where they are whole. */
	begin();
	blot_remember(blotter, value, 64);
	snprintf(text, sizeof(text), "is %.64s and more", value);
	expect(text, strcat(strcat(strcpy((char[700]) {0}, "is "), stars(64)), " and more"));
	snprintf(text, sizeof(text), "is %.63s and more", value);
	expect(text, strcat(strcpy((char[700]) {0}, "is "), stars(72)));
	blot_remember(blotter, value, 65);
	snprintf(text, sizeof(text), "is %.64s and more", value);
	expect(text, strcat(strcpy((char[700]) {0}, "is "), stars(73)));
}

static void
cut_ones(void)
{
	begin_with("0-2-4-6-8-0-2-4-6-8-");
	expect("$1 = '0-2-4-6-8-0-2-4-6-8...'", "$1 = '*******************...'");
	expect("$1 = '0-2-4-6-8-0-2-4-...'", "$1 = '****************...'");
	expect("$1 = '0-2-4-6-8-0-2-4-", "$1 = '****************");
	expect_stays("$1 = '0-2-4-6-8-0-2-4...'");
	expect_stays("0-2-4-6-8-0-2-4-6-8, and that goes on for a while, and is no value: not for so many bytes");
	expect("\\x302d322d342d362d382d302d322d342d3...", "\\x********************************3...");
	expect("MC0yLTQtNi04LTAtMi00LTYtO...", "************************O...");
	begin_with("0123456789abcdef");
	expect_stays("'0123456789abcde...'");
}

/* ---- the whole of it, rather than nothing ---- */

static void
too_much_work(void)
{
	size_t		len = (size_t) 4 << 20;
	char	   *text = malloc(len);
	char		value[64];

	begin();
	memset(value, 'a', sizeof(value));
	for (size_t i = 5; i <= sizeof(value); i++)
	{
		value[i - 1] = 'b';
		blot_remember(blotter, value, i);
		value[i - 1] = 'a';
	}
	memset(text, 'a', len);
	memcpy(text, "words", 5);
	CHECK(blot_text(blotter, text, len));
	CHECK(all_bytes(text, len, '*'), "all of it");
	free(text);
}

static void
many_in_one(void)
{
	size_t		n = 2000;
	char	   *text = malloc(10 * n + 1);

	begin_with("hunter2");
	for (size_t i = 0; i < n; i++)
		memcpy(text + 10 * i, " hunter2, ", 10);
	CHECK(blot_text(blotter, text, 10 * n));
	for (size_t i = 0; i < n; i++)
		CHECK(memcmp(text + 10 * i, " *******, ", 10) == 0, "number %zu", i);
	free(text);
}

/* What is found in one view is not hidden from the next by having been covered. */
static void
views_overlap(void)
{
	begin_with("abcd'efgh");
	blot_remember(blotter, "xyzabcd", 7);
	expect("xyzabcd''efgh", "*************");
	begin_with("6162636465666768");
	blot_remember(blotter, "efghijkl", 8);
	expect("<6162636465666768696a6b6c>", "<************************>");
}

/* ---- passwords inside ---- */

static void
members(const char *json)
{
	begin();
	members_remember(blotter, json, strlen(json));
}

static void
members_of_objects(void)
{
	members("{\"username\": \"app_user\", \"password\": \"hunter2xyz\", \"host\": \"db.example.com\"}");
	expect("app_user with hunter2xyz at db.example.com", "app_user with ********** at db.example.com");
	members(" {\"API_Key\":\"hunter2xyz\",\"port\":5432}");
	expect("hunter2xyz", "**********");
	members("{\"a\": {\"Db_Passwd\" : [\"hunter2xyz\", \"hunter3xyz\"], \"b\": \"hunter4xyz\"}}");
	expect("hunter2xyz, hunter3xyz, hunter4xyz", "**********, **********, hunter4xyz");
	members("{\"password\": \"a\\\"b\\\\c\\u00e4\"}");
	expect("a\"b\\c\xc3\xa4", "*******");
	members("postgresql://app:hunter%32%xyz@db.example.com/x");
	expect("hunter%32%xyz, hunter2%xyz, app", "*************, ***********, app");
	members("{\"uri\": \"postgresql://app:hunter%32xyz@db.example.com/x\"}");
	expect("hunter%32xyz, hunter2xyz, app", "************, **********, app");
	members("postgresql://app@db.example.com/x:hunter2xyz@");
	CHECK(blot_is_empty(blotter));
	members("mailto:app@db.example.com");
	CHECK(blot_is_empty(blotter));
	members("{\"uri\": \"postgresql://app:0123456789012345678901234567890123456789@db.example.com/x\"}");
	expect("postgresql://app:0123456789012345678901234567890123456789@db.example.com/x", stars(74));
	expect("postgresql://app:0123456789012345678901234567890", stars(48));
}

static void
members_of_no_objects(void)
{
	static const char *const texts[] = {
		"", "{", "{\"", "{\"password", "{\"password\"", "{\"password\":", "{\"password\":\"", "{\"password\":\"\"", "[\"password\",\"hunter2xyz\"]",
		"\"password\": \"hunter2xyz\"", "password: \"hunter2xyz\"", "{\"password\" \"hunter2xyz\"}", "{}", "   ", "{\"password\":1234567890}"
	};

	for (size_t i = 0; i < lengthof(texts); i++)
	{
		members(texts[i]);
		CHECK(blot_is_empty(blotter), "%s", texts[i]);
	}
	members("{\"password\":\"hunter2xyz");
	expect("hunter2xyz", "**********");
	members("{\"password\":\"hunter2xyz\\");
	expect("hunter2xyz\\", "***********");
}

int
main(void)
{
	RUN(hash_is_siphash);
	RUN(only_what_was_remembered);
	RUN(ages);
	RUN(too_many);
	RUN(many);
	RUN(very_many);
	RUN(as_it_is);
	RUN(whatever_case);
	RUN(wherever);
	RUN(escaped);
	RUN(blindly);
	RUN(nested);
	RUN(words);
	RUN(long_ones);
	RUN(cut_ones);
	RUN(too_much_work);
	RUN(many_in_one);
	RUN(views_overlap);
	RUN(members_of_objects);
	RUN(members_of_no_objects);
	return check_summary("blot");
}
