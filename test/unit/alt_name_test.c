/*
 * alt_name_test.c: DNS names and addresses, against what the system reads and
 * the grammar spelled out once more.
 */
#include "crypto/alt_name.h"

#include "check.h"

#include <arpa/inet.h>
#include <ctype.h>

static bool
is_name(const char *text)
{
	AltName		name;

	memset(&name, 0xaa, sizeof(name));
	if (!alt_name_parse(text, &name) || name.is_address)
		return false;
	CHECK(name.len == strlen(text) && memcmp(name.bytes, text, name.len) == 0, "%s", text);
	return true;
}

static bool
is_address(const char *text, const char *bytes, size_t len)
{
	AltName		name;

	return alt_name_parse(text, &name) && name.is_address && name.len == len && memcmp(name.bytes, bytes, len) == 0;
}

static bool
is_neither(const char *text)
{
	AltName		name;

	return !alt_name_parse(text, &name);
}

static void
names(void)
{
	static const char *const good[] = {
		"localhost", "a", "A", "db1.example.com", "xn--mnchen-3ya.example", "1.example", "a-b.c", "my_db", "_x.y",
		"*.example.com", "*.internal", "0x7f", "1a", "a.1a", "123.a", "10.0.0.com"
	};
	static const char *const bad[] = {
		"", ".", "..", "a.", ".a", "a..b", "-a", "a-", "a.-b", "a.b-", "*", "**", "*.", "*.*", "*.*.a", "a.*", "a*.b", "*a.b",
		"a b", " a", "a ", "a\n", "a/b", "a:b", "a,b", "a@b", "\xc3\xbc", "a\x7f", "a\"", "DNS:a", "1", "12.34", "a.1",
		"1.2.3.4.5", "300.1.1.1", "*.1"
	};

	for (size_t i = 0; i < lengthof(good); i++)
		CHECK(is_name(good[i]), "%s", good[i]);
	for (size_t i = 0; i < lengthof(bad); i++)
		CHECK(is_neither(bad[i]), "%s", bad[i]);
}

static void
lengths(void)
{
	char		text[300];

	memset(text, 'a', sizeof(text));
	text[63] = '\0';
	CHECK(is_name(text));
	text[63] = 'a';
	text[64] = '\0';
	CHECK(is_neither(text));

	/* Four labels of 63 with their points are 255. */
	memset(text, 'a', sizeof(text));
	for (int i = 63; i < 255; i += 64)
		text[i] = '.';
	text[253] = '\0';
	CHECK(is_name(text));
	text[253] = 'a';
	text[254] = '\0';
	CHECK(is_neither(text));
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	CHECK(is_neither(text));
}

static void
addresses(void)
{
	CHECK(is_address("10.0.0.1", "\x0a\0\0\1", 4));
	CHECK(is_address("255.255.255.255", "\xff\xff\xff\xff", 4));
	CHECK(is_address("::1", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16));
	CHECK(is_address("2001:db8::8", "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x08", 16));
	CHECK(is_address("::ffff:1.2.3.4", "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4", 16));
	CHECK(is_neither("1.2.3"));
	CHECK(is_neither("1.2.3.256"));
	CHECK(is_neither("01.2.3.4"));
	CHECK(is_neither("1.2.3.4 "));
	CHECK(is_neither("10.0.0.0/8"));
	CHECK(is_neither("::1%lo"));
	CHECK(is_neither("[::1]"));
	CHECK(is_neither("1::2::3"));
	CHECK(is_neither("::12345"));
}

/* One character after the other. */
static bool
follows_grammar(const char *text)
{
	size_t		label = 0;
	bool		number = true;
	char		before = '.';

	if (strlen(text) > 253)
		return false;
	if (text[0] == '*' && text[1] == '.')
		text += 2;
	for (;; text++)
	{
		if (*text == '.' || *text == '\0')
		{
			if (label == 0 || label > 63 || before == '-')
				return false;
			if (*text == '\0')
				return !number;
			label = 0;
			number = true;
		}
		else
		{
			if (!isalnum((unsigned char) *text) && *text != '_' && !(*text == '-' && label > 0))
				return false;
			number = number && isdigit((unsigned char) *text);
			label++;
		}
		before = *text;
	}
}

/* Made of what names and addresses are made of, so that many are one or nearly. */
static void
random_texts(void)
{
	static const char *const characters[] = {"0123456789012abf:::...-_*x", "0123456789.", "0123abcdef::::"};
	int			found[3] = {0};

	for (int i = 0; i < 400000; i++)
	{
		char		text[24];
		char	   *copy;
		size_t		len = pick(sizeof(text) - 1);
		uint8_t		bytes[16];
		AltName		name;
		bool		parsed;

		for (size_t j = 0; j < len; j++)
			text[j] = characters[i % 3][pick((uint32_t) strlen(characters[i % 3]))];
		text[len] = '\0';
		copy = exact_copy(text, len + 1);
		parsed = alt_name_parse(copy, &name);
		if (inet_pton(AF_INET, text, bytes) == 1)
			found[0] += CHECK(parsed && name.is_address && name.len == 4 && memcmp(name.bytes, bytes, 4) == 0, "%s", text);
		else if (inet_pton(AF_INET6, text, bytes) == 1)
			found[1] += CHECK(parsed && name.is_address && name.len == 16 && memcmp(name.bytes, bytes, 16) == 0, "%s", text);
		else
			found[2] += CHECK(parsed == follows_grammar(text), "%s", text) && parsed;
		free(copy);
	}
	for (size_t i = 0; i < lengthof(found); i++)
		CHECK(found[i] > 50, "only %d of kind %zu", found[i], i);
}

static void
printable_lines(void)
{
	char		line[3] = "a";

	for (int c = 0; c < 256; c++)
	{
		line[1] = (char) c;
		CHECK(is_printable_line(line, 2) == (c == 0 || (c >= 0x20 && c < 0x7f)), "byte %d", c);
	}
	CHECK(!is_printable_line("", 10));
	CHECK(is_printable_line("0123456789", 10));
	CHECK(!is_printable_line("0123456789a", 10));
}

int
main(void)
{
	RUN(names);
	RUN(lengths);
	RUN(addresses);
	RUN(random_texts);
	RUN(printable_lines);
	return check_summary("alt_name");
}
