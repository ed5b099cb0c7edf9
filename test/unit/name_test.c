/*
 * name_test.c: what is a name, a pattern, a stage, and what matches what.
 */
#include "store/name.h"

#include "check.h"
#include "match_oracle.h"

static const char name_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+=-";

static bool
is_name(const char *text)
{
	char	   *copy = exact_copy(text, strlen(text));
	bool		valid = name_is_valid(copy, strlen(text));

	free(copy);
	return valid;
}

static bool
is_pattern(const char *text)
{
	char	   *copy = exact_copy(text, strlen(text));
	bool		valid = pattern_is_valid(copy, strlen(text));

	free(copy);
	return valid;
}

static bool
matches(const char *pattern, const char *name)
{
	char	   *p = exact_copy(pattern, strlen(pattern));
	char	   *s = exact_copy(name, strlen(name));
	bool		result;

	CHECK(is_pattern(pattern), "%s", pattern);
	CHECK(is_name(name), "%s", name);
	result = pattern_matches(p, strlen(pattern), s, strlen(name));
	free(p);
	free(s);
	return result;
}

static void
names(void)
{
	static const char *const valid[] = {
		"a", "A", "0", "-", "_", "@", "+", "=", "...", ".a", "a.", "a..b", "..a", "-rf", "a/b",
		"prod/db/password",
		"a/.../b", "a/.b/c.", "user@example.com", "key=value", "1+1", "base64==", "a/-",
		"0/0/0/0/0/0/0/0/0/0",
	};
	static const char *const invalid[] = {
		"", "/", "//", "/a", "a/", "a//b", "a/b/", "//a", ".", "..", "./a", "../a", "a/.", "a/..", "a/./b",
		"a/../b",
		" ", " a", "a ", "a b", "a\n", "\na", "a\tb", "*", "a*", "**", "a/**", "a\\b", "a:b", "a;b", "a'b",
		"a\"b", "a`b",
		"a$b", "a%b", "a&b", "a(b", "a)b", "a,b", "a<b", "a>b", "a?b", "a[b", "a]b", "a^b", "a{b", "a|b",
		"a}b", "a~b",
		"a!b", "a#b", "\x7f", "\x01", "\xc3\xa4", "\xff", "a/\xe2\x80\xae/b", "a\xef\xbc\x8f" "b",
		"\xef\xbb\xbf" "a",
	};

	for (size_t i = 0; i < lengthof(valid); i++)
	{
		CHECK(is_name(valid[i]), "\"%s\"", valid[i]);
		CHECK(is_pattern(valid[i]), "\"%s\"", valid[i]);
	}
	for (size_t i = 0; i < lengthof(invalid); i++)
	{
		CHECK(!is_name(invalid[i]), "\"%s\"", invalid[i]);
		if (strchr(invalid[i], '*') == NULL)
			CHECK(!is_pattern(invalid[i]), "\"%s\"", invalid[i]);
	}
}

/* Each byte alone, at the end of a segment, and in its middle. */
static void
every_byte(void)
{
	for (int c = 0; c < 256; c++)
	{
		bool		good = c != 0 && strchr(name_chars, c) != NULL;
		char		alone[] = {(char) c};
		char		last[] = {'a', (char) c};
		char		middle[] = {'a', (char) c, 'b'};

		CHECK(name_is_valid(alone, 1) == (good && c != '.'), "byte %d", c);
		CHECK(name_is_valid(last, 2) == good, "byte %d", c);
		CHECK(name_is_valid(middle, 3) == (good || c == '/'), "byte %d", c);
		CHECK(pattern_is_valid(alone, 1) == ((good && c != '.') || c == '*'), "byte %d", c);
		CHECK(pattern_is_valid(last, 2) == (good || c == '*'), "byte %d", c);
		CHECK(pattern_is_valid(middle, 3) == (good || c == '/' || c == '*'), "byte %d", c);
	}
}

static void
length_limits(void)
{
	char		text[NAME_MAX_LEN + 1];

	memset(text, 'a', sizeof(text));
	CHECK(!name_is_valid(text, 0) && name_is_valid(text, 1));
	CHECK(name_is_valid(text, NAME_MAX_LEN) && !name_is_valid(text, NAME_MAX_LEN + 1));
	CHECK(pattern_is_valid(text, NAME_MAX_LEN) && !pattern_is_valid(text, NAME_MAX_LEN + 1));
	for (size_t i = 1; i < sizeof(text); i += 2)
		text[i] = '/';
	CHECK(name_is_valid(text, NAME_MAX_LEN - 1) && !name_is_valid(text, NAME_MAX_LEN));
	CHECK(!name_is_valid(text, NAME_MAX_LEN + 1));
}

static void
patterns(void)
{
	static const char *const valid[] = {
		"*", "**", "a*", "*a", "*a*", "a*b*c", "a/*", "a/**", "**/a", "a/**/b", "**/**", "*/*", "**/*", "*.",
		".*", "..*",
		"*.*", "*a*a*a", "a/*b/**/c*",
	};
	static const char *const invalid[] = {
		"***", "****", "a**", "**a", "a**b", "a/***", "***/a", "a/**b", "a**/b", "*a**", "**a*", "a/*/***",
		"/*", "*/", "**/", "/**", "*//*", "./*", "*/..", "**/.", "*/./*", "*?", "[a]*", "* ", " **", "*\n",
	};

	for (size_t i = 0; i < lengthof(valid); i++)
	{
		CHECK(is_pattern(valid[i]), "\"%s\"", valid[i]);
		CHECK(!is_name(valid[i]), "\"%s\"", valid[i]);
	}
	for (size_t i = 0; i < lengthof(invalid); i++)
		CHECK(!is_pattern(invalid[i]), "\"%s\"", invalid[i]);
}

static void
stages(void)
{
	char		text[STAGE_MAX_LEN + 1];

	memset(text, 'a', sizeof(text));
	CHECK(!stage_is_valid(text, 0) && stage_is_valid(text, 1));
	CHECK(stage_is_valid(text, STAGE_MAX_LEN) && !stage_is_valid(text, STAGE_MAX_LEN + 1));
	for (int c = 0; c < 256; c++)
	{
		bool		good = c != 0 && strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", c) != NULL;
		char		alone[] = {(char) c};
		char		last[] = {'a', (char) c};

		CHECK(stage_is_valid(alone, 1) == good && stage_is_valid(last, 2) == good, "byte %d", c);
	}
	CHECK(stage_is_valid("current", 7) && stage_is_valid("pending-2", 9) && !stage_is_valid("Current", 7));
}

static const struct
{
	const char *pattern;
	const char *name;
	bool		matches;
}			matching[] = {
	/* no star: the name itself, in its own case */
	{"a", "a", true}, {"a", "b", false}, {"a", "A", false}, {"a", "aa", false}, {"aa", "a", false},
	{"a/b", "a/b", true}, {"a/b", "a", false}, {"a", "a/b", false}, {"a/b", "a/b/c", false},
	{"a.b", "axb", false},

	/* one star: any run inside a segment, none too */
	{"*", "a", true}, {"*", "abc", true}, {"*", "...", true}, {"*", "a/b", false},
	{"a*", "a", true}, {"a*", "abc", true}, {"a*", "ba", false}, {"a*", "a/b", false},
	{"*a", "a", true}, {"*a", "bca", true}, {"*a", "ab", false}, {"*a", "b/a", false},
	{"a*c", "ac", true}, {"a*c", "abbc", true}, {"a*c", "acb", false}, {"a*c", "a/c", false},
	{"*a*", "a", true}, {"*a*", "bab", true}, {"*a*", "bbb", false},
	{"a*a", "a", false}, {"a*a", "aa", true}, {"*ab*ab", "abab", true}, {"*ab*ab", "aabb", false},
	{"*ab", "aab", true}, {"*aab", "aaab", true}, {"a*b*c", "abcbc", true}, {"a*b*c", "acb", false},
	{"*/*", "a/b", true}, {"*/*", "a", false}, {"*/*", "a/b/c", false},
	{"prod/*", "prod/a", true}, {"prod/*", "prod", false}, {"prod/*", "prod/a/b", false},
	{"prod/*", "production/a", false},
	{"prod/*/key", "prod/db/key", true}, {"prod/*/key", "prod/key", false},
	{"prod/*/key", "prod/a/b/key", false},

	/* two stars at the end: one segment or more */
	{"**", "a", true}, {"**", "a/b/c", true},
	{"prod/**", "prod", false}, {"prod/**", "prod/a", true}, {"prod/**", "prod/a/b/c", true},
	{"prod/**", "production", false}, {"prod/**", "production/a", false}, {"prod/**", "a/prod/b", false},

	/* in front and in the middle: none or more */
	{"**/a", "a", true}, {"**/a", "b/a", true}, {"**/a", "c/b/a", true}, {"**/a", "ba", false},
	{"**/a", "a/b", false},
	{"**/a", "a/b/a", true}, {"**/a/b", "a/a/b", true}, {"**/a/b", "a/b/b", false},
	{"**/a/b", "a/a/a/b", true},
	{"a/**/b", "a/b", true}, {"a/**/b", "a/x/b", true}, {"a/**/b", "a/x/y/b", true}, {"a/**/b", "ab", false},
	{"a/**/b", "a", false}, {"a/**/b", "b", false}, {"a/**/b", "a/b/c", false}, {"a/**/b", "a/b/c/b", true},
	{"a/**/b", "xa/b", false}, {"a/**/b", "a/bx", false},

	/* several of them */
	{"**/**", "a", true}, {"**/**", "a/b/c", true}, {"a/**/**", "a", false}, {"a/**/**", "a/b", true},
	{"**/a/**", "a", false}, {"**/a/**", "a/b", true}, {"**/a/**", "b/a/b", true}, {"**/a/**", "b/a", false},
	{"**/a/**/b", "a/b", true}, {"**/a/**/b", "b/a/c/b", true}, {"**/a/**/b", "b/a", false},
	{"**/a*/**/*b", "x/ab/y/bb", true}, {"**/*", "a", true}, {"**/*", "a/b", true},
	{"*/**", "a", false}, {"*/**", "a/b", true}, {"*/**/*", "a/b", true}, {"*/**/*", "a", false},
	{"**/db/*/key", "prod/eu/db/main/key", true}, {"**/db/*/key", "prod/eu/db/key", false},
};

static void
matching_table(void)
{
	for (size_t i = 0; i < lengthof(matching); i++)
		CHECK(matches(matching[i].pattern, matching[i].name) == matching[i].matches,
			  "\"%s\" and \"%s\"", matching[i].pattern, matching[i].name);
}

/* The oracle is judged by the table too, before it judges. */
static void
oracle_agrees_with_table(void)
{
	for (size_t i = 0; i < lengthof(matching); i++)
		CHECK(oracle_matches(matching[i].pattern, strlen(matching[i].pattern),
							 matching[i].name, strlen(matching[i].name)) == matching[i].matches,
			  "\"%s\" and \"%s\"", matching[i].pattern, matching[i].name);
}

static size_t
draw_text(char *out, size_t max, const char *alphabet)
{
	size_t		len = 1 + pick((uint32_t) max);

	for (size_t i = 0; i < len; i++)
		out[i] = alphabet[pick((uint32_t) strlen(alphabet))];
	return len;
}

/* What both must agree on, and that each match starts with the prefix. */
static bool
compare_with_oracle(const char *pattern, size_t plen, const char *name, size_t len)
{
	bool		wanted = oracle_matches(pattern, plen, name, len);
	bool		exact;
	size_t		prefix = pattern_prefix(pattern, plen, &exact);

	CHECK(pattern_matches(pattern, plen, name, len) == wanted,
		  "\"%.*s\" and \"%.*s\"", (int) plen, pattern, (int) len, name);
	CHECK(prefix <= plen && exact == (prefix == plen) && memchr(pattern, '*', prefix) == NULL);
	if (wanted)
		CHECK(len >= prefix && memcmp(pattern, name, prefix) == 0,
			  "\"%.*s\" and \"%.*s\"", (int) plen, pattern, (int) len, name);
	if (exact)
		CHECK(wanted == (plen == len && memcmp(pattern, name, len) == 0));
	return wanted;
}

static void
random_pairs(void)
{
	int			compared = 0;
	int			matched = 0;

	for (int i = 0; i < 3000000; i++)
	{
		char		pattern[10];
		char		name[10];
		size_t		plen = draw_text(pattern, sizeof(pattern), "ab/**");
		size_t		len = draw_text(name, sizeof(name), "aab/");

		if (!pattern_is_valid(pattern, plen) || !name_is_valid(name, len))
			continue;
		compared++;
		matched += compare_with_oracle(pattern, plen, name, len);
	}
	CHECK(compared > 200000 && matched > 20000, "%d compared, %d matched", compared, matched);
}

/* All patterns of up to six characters against all names of up to six. */
static void
all_small_pairs(void)
{
	static char names_of_six[6000][6];
	static size_t lens[6000];
	int			nnames = 0;
	long		compared = 0;

	for (size_t len = 1; len <= 6; len++)
		for (int code = 0; code < 1 << (2 * len); code++)
		{
			char		text[6];

			for (size_t i = 0; i < len; i++)
				text[i] = "ab/*"[code >> (2 * i) & 3];
			if (!name_is_valid(text, len))
				continue;
			memcpy(names_of_six[nnames], text, 6);
			lens[nnames++] = len;
		}
	for (size_t len = 1; len <= 6; len++)
		for (int code = 0; code < 1 << (2 * len); code++)
		{
			char		text[6];

			for (size_t i = 0; i < len; i++)
				text[i] = "ab/*"[code >> (2 * i) & 3];
			if (!pattern_is_valid(text, len))
				continue;
			for (int i = 0; i < nnames; i += len < 6 ? 1 : 7)
			{
				compare_with_oracle(text, len, names_of_six[i], lens[i]);
				compared++;
			}
		}
	CHECK(compared > 250000, "%ld", compared);
}

static void
prefixes(void)
{
	static const struct
	{
		const char *pattern;
		size_t		prefix;
		bool		exact;
	}			table[] = {
		{"a", 1, true}, {"a/b/c", 5, true}, {"*", 0, false}, {"**", 0, false}, {"a*", 1, false},
		{"a/*", 2, false},
		{"prod/**", 5, false}, {"prod/**/key", 5, false}, {"prod/db-*/key", 8, false}, {"**/prod", 0, false},
	};

	for (size_t i = 0; i < lengthof(table); i++)
	{
		bool		exact;

		CHECK(pattern_prefix(table[i].pattern, strlen(table[i].pattern), &exact) == table[i].prefix,
			  "%s", table[i].pattern);
		CHECK(exact == table[i].exact, "%s", table[i].pattern);
	}
}

int
main(void)
{
	RUN(names);
	RUN(every_byte);
	RUN(length_limits);
	RUN(patterns);
	RUN(stages);
	RUN(matching_table);
	RUN(oracle_agrees_with_table);
	RUN(random_pairs);
	RUN(all_small_pairs);
	RUN(prefixes);
	return check_summary("name");
}
