/*
 * pattern_algebra_test.c: which patterns contain which, which meet, and the
 * folder of each.
 *
 * By hand, against all names up to some length, and against an automaton that
 * tries names of any length.
 */
#include "store/name.h"

#include "check.h"
#include "match_oracle.h"
#include "pattern_automaton.h"

static bool long_run;

#define YES true
#define NO	false

static bool
contains(const char *outer, size_t olen, const char *inner, size_t ilen)
{
	char	   *o = exact_copy(outer, olen);
	char	   *i = exact_copy(inner, ilen);
	bool		result = pattern_contains(o, olen, i, ilen);

	free(o);
	free(i);
	return result;
}

static bool
intersects(const char *a, size_t alen, const char *b, size_t blen)
{
	char	   *x = exact_copy(a, alen);
	char	   *y = exact_copy(b, blen);
	bool		result = pattern_intersects(x, alen, y, blen);

	CHECK(pattern_intersects(y, blen, x, alen) == result,
		  "\"%.*s\" and \"%.*s\"", (int) alen, a, (int) blen, b);
	free(x);
	free(y);
	return result;
}

static const struct
{
	const char *a;
	const char *b;
	bool		a_contains_b;
	bool		b_contains_a;
	bool		intersect;
}			relations[] = {
	/* names */
	{"a", "a", YES, YES, YES}, {"a", "b", NO, NO, NO}, {"a", "A", NO, NO, NO}, {"a", "aa", NO, NO, NO},
	{"a", "a/a", NO, NO, NO}, {"a/b", "a/b", YES, YES, YES}, {"a/b", "a/c", NO, NO, NO},
	{"a/b", "c/b", NO, NO, NO}, {"ab", "a/b", NO, NO, NO},

	/* a pattern and a name */
	{"*", "a", YES, NO, YES}, {"*", "a/b", NO, NO, NO}, {"a*", "a", YES, NO, YES}, {"a*", "b", NO, NO, NO},
	{"a*", "a/b", NO, NO, NO}, {"*a*", "bab", YES, NO, YES}, {"a*a", "a", NO, NO, NO},
	{"**", "a", YES, NO, YES}, {"**", "a/b/c", YES, NO, YES}, {"a/**", "a", NO, NO, NO},
	{"a/**", "a/b", YES, NO, YES}, {"a/**", "ab", NO, NO, NO}, {"**/a", "a", YES, NO, YES},
	{"**/a", "a/b", NO, NO, NO}, {"a/**/b", "a/b", YES, NO, YES}, {"a/**/b", "a", NO, NO, NO},

	/* one star in a segment */
	{"*", "*", YES, YES, YES}, {"*", "a*", YES, NO, YES}, {"*", "*a", YES, NO, YES},
	{"*", "*a*", YES, NO, YES}, {"*", "a*b", YES, NO, YES}, {"a*", "*a", NO, NO, YES},
	{"a*", "b*", NO, NO, NO}, {"*a", "*b", NO, NO, NO}, {"a*", "ab*", YES, NO, YES},
	{"a*b", "ab*", NO, NO, YES}, {"a*", "*b", NO, NO, YES}, {"a*b", "a*", NO, YES, YES},
	{"a*b", "*b", NO, YES, YES}, {"a*b", "a*c*b", YES, NO, YES}, {"a*b*", "a*b", YES, NO, YES},
	{"*a*b*", "*ab*", YES, NO, YES}, {"*ab*", "*a*b*", NO, YES, YES}, {"*ab*", "a*b", NO, NO, YES},
	{"*a*", "*b*", NO, NO, YES}, {"*a*a*", "a*a", YES, NO, YES}, {"*a*a*", "*a*", NO, YES, YES},
	{"a*a", "a*", NO, YES, YES}, {"aa*", "*aa", NO, NO, YES}, {"ab*ab", "ab*", NO, YES, YES},
	{"ab*ba", "ab*a", NO, YES, YES}, {"a*c", "b*c", NO, NO, NO}, {"a*b", "a*c", NO, NO, NO},
	{"ab*", "a*c*", NO, NO, YES}, {"ab*", "ac*", NO, NO, NO}, {"*ab", "*b", NO, YES, YES},
	{"*ab", "*cb", NO, NO, NO}, {"a*b", "a*b", YES, YES, YES}, {".*", "*.", NO, NO, YES},

	/* segment by segment */
	{"*/*", "*", NO, NO, NO}, {"*/*", "a/b", YES, NO, YES}, {"*/b", "a/*", NO, NO, YES},
	{"*/b", "a/c*", NO, NO, NO}, {"a/*", "a/b*", YES, NO, YES}, {"a/*", "b/*", NO, NO, NO},
	{"a/*", "*/*", NO, YES, YES}, {"a*/b", "a/*b", NO, NO, YES}, {"a/*/c", "a/b/*", NO, NO, YES},
	{"a/*/c", "a/b/d", NO, NO, NO}, {"*/*/c", "a/*/c", YES, NO, YES}, {"a/*", "a/*/*", NO, NO, NO},

	/* two stars at the end */
	{"**", "**", YES, YES, YES}, {"**", "*", YES, NO, YES}, {"**", "*/*", YES, NO, YES},
	{"*", "**", NO, YES, YES}, {"*/*", "**", NO, YES, YES}, {"**", "a/**", YES, NO, YES},
	{"a/**", "a/*", YES, NO, YES}, {"a/**", "a/b/**", YES, NO, YES}, {"a/**", "b/**", NO, NO, NO},
	{"a/**", "a*/**", NO, YES, YES}, {"a/**", "ab/**", NO, NO, NO}, {"a/**", "a*", NO, NO, NO},
	{"a/**", "*/b", NO, NO, YES}, {"a/**", "*", NO, NO, NO}, {"a/**", "*/**", NO, YES, YES},
	{"a/*/**", "a/**", NO, YES, YES}, {"a/*/**", "a/*", NO, NO, NO}, {"a/*/**", "a/b/c", YES, NO, YES},
	{"a/*/c", "a/**", NO, YES, YES}, {"x/*", "x/**", NO, YES, YES},

	/* two stars in front and in the middle */
	{"**/a", "**/a", YES, YES, YES}, {"**/a", "**/b", NO, NO, NO}, {"**/a", "*/a", YES, NO, YES},
	{"**/a", "*", NO, NO, YES}, {"**/a", "**", NO, YES, YES}, {"**/a", "b/**", NO, NO, YES},
	{"**/a", "a/**", NO, NO, YES}, {"**/a", "a/**/b", NO, NO, NO}, {"**/a", "a/**/a", YES, NO, YES},
	{"**/a", "**/a/a", YES, NO, YES}, {"**/a", "**/b*/a", YES, NO, YES}, {"**/*a", "**/a*", NO, NO, YES},
	{"a/**/b", "a/b", YES, NO, YES}, {"a/**/b", "a/*/b", YES, NO, YES}, {"a/**/b", "a/**/c", NO, NO, NO},
	{"a/**/b", "a/**", NO, YES, YES}, {"a/**/b", "a/**/c/b", YES, NO, YES},
	{"a/**/b", "c/**/b", NO, NO, NO}, {"a/**/b", "**", NO, YES, YES}, {"a/**/b/c", "a/*/c", NO, NO, YES},
	{"a/**/b/c", "a/c", NO, NO, NO}, {"a/**/b/c", "a/*", NO, NO, NO}, {"a/**/b", "a/*/c", NO, NO, NO},
	{"**/a/**", "**/a/**", YES, YES, YES}, {"**/a/**", "a/**", YES, NO, YES},
	{"**/a/**", "**/a", NO, NO, YES}, {"**/a/**", "**/b/**", NO, NO, YES}, {"**/a/**", "*", NO, NO, NO},
	{"**/a/**", "*/*", NO, NO, YES}, {"**/a/**", "*/b/*", NO, NO, YES}, {"**/a/**", "b/b/*", NO, NO, NO},
	{"**/a/**/b", "**/b", NO, YES, YES}, {"**/a/**/b", "**/a/b", YES, NO, YES},
	{"**/a/**/b", "a/**/b/**/b", YES, NO, YES}, {"**/a/**/b", "**/b/**/a", NO, NO, NO},
	{"**/a*/**/*b", "x/**/ab/y/bb", YES, NO, YES}, {"**/a/b/**", "**/a/**/b/**", NO, YES, YES},
	{"**/a/b/**", "a/**/b", NO, NO, YES}, {"**/a/b/**", "*/*", NO, NO, NO},
	{"**/a/b/**", "*/*/*", NO, NO, YES}, {"**/a/b/**", "*/*/b/*", NO, NO, YES},
	{"**/a/b/**", "*/c/c/*", NO, NO, NO}, {"**/a/b", "*/a/*", NO, NO, YES},
	{"**/a*b/**/c", "**/a*/**/c", NO, YES, YES},

	/* the first place to be found is not the one */
	{"**/a/b/**", "**/a/a/b/c", YES, NO, YES}, {"**/a/b", "a/c/**/a/b", YES, NO, YES},
	{"**/*a/b/**", "ca/**/a/b/c", YES, NO, YES}, {"**/a/**/a/b", "a/**/a/a/b", YES, NO, YES},

	/* the same number of segments, whatever stars they are written with */
	{"**/*", "**", YES, YES, YES}, {"**/**", "**", YES, YES, YES}, {"**/*/*", "*/**", YES, YES, YES},
	{"*/**/*", "*/*/**", YES, NO, YES}, {"**/**/*/**", "*/**", YES, YES, YES}, {"*/**", "**", NO, YES, YES},
	{"**/*/**/a", "*/**/a", YES, YES, YES}, {"**/*/a", "*/**/a", YES, YES, YES},
	{"*/**/a", "**/a/a", YES, NO, YES}, {"**/*/a", "a/**/a", YES, NO, YES},
	{"*/**/a", "a/**/a", YES, NO, YES}, {"*/*/**/a", "a/**/b/**/a", YES, NO, YES},
	{"**/*/*/a", "a/**/b/**/a", YES, NO, YES}, {"*/**/*/a", "a/**/b/**/a", YES, NO, YES},
	{"*/*/**/a", "a/**/a", NO, NO, YES}, {"*/**/*/**", "a/**/b", NO, NO, YES},
	{"*/**/*/**", "**/a/**", NO, NO, YES}, {"**/*/*/**", "a/**", NO, NO, YES},
	{"**/*/a/**", "**/a/a/**", YES, NO, YES}, {"*/*", "a/**/b", NO, NO, YES},
	{"*/*/*", "a/**/b", NO, NO, YES}, {"*", "a/**/b", NO, NO, NO}, {"a/*/b", "a/**/b", NO, YES, YES},
	{"a/*/b", "a/**/*/b", NO, YES, YES}, {"a/**/*/b", "a/*/**/b", YES, YES, YES},
	{"x/**/*/**/y", "x/*/**/y", YES, YES, YES}, {"x/**/*/**/y", "x/**/y", NO, YES, YES},

	/* two stars do not come to less than one star, nor stars to nothing */
	{"**/a", "a*", NO, NO, YES}, {"**/aa", "a*a", NO, NO, YES}, {"a/**", "a/a*/**", YES, NO, YES},
	{"a*/**/b", "a/**/b", YES, NO, YES}, {"a*/**/b", "*/**/b", NO, YES, YES},
	{"prod/**", "prod/db-*/key", YES, NO, YES}, {"prod/db-*/*", "prod/db-*/key", YES, NO, YES},
	{"prod/*/key", "prod/db-*/key", YES, NO, YES}, {"prod/db-*/key", "prod/*/key", NO, YES, YES},
	{"**/key", "prod/**", NO, NO, YES}, {"**/key", "prod/**/cert", NO, NO, NO},
};

static void
relation_table(void)
{
	for (size_t i = 0; i < lengthof(relations); i++)
	{
		const char *a = relations[i].a;
		const char *b = relations[i].b;
		size_t		alen = strlen(a);
		size_t		blen = strlen(b);
		Relation	judged;

		if (!CHECK(pattern_is_valid(a, alen) && pattern_is_valid(b, blen), "\"%s\" and \"%s\"", a, b))
			continue;
		CHECK(contains(a, alen, b, blen) == relations[i].a_contains_b, "\"%s\" and \"%s\"", a, b);
		CHECK(contains(b, blen, a, alen) == relations[i].b_contains_a, "\"%s\" and \"%s\"", a, b);
		CHECK(intersects(a, alen, b, blen) == relations[i].intersect, "\"%s\" and \"%s\"", a, b);

		/* The automaton is judged by the table too, before it judges. */
		judged = automaton_relation(a, alen, b, blen);
		CHECK(judged.decided && judged.a_contains_b == relations[i].a_contains_b
			  && judged.b_contains_a == relations[i].b_contains_a
			  && judged.intersect == relations[i].intersect, "\"%s\" and \"%s\"", a, b);
	}
}

static void
folders(void)
{
	static const struct
	{
		const char *pattern;
		size_t		folder;
	}			table[] = {
		{"x", 0}, {"*", 0}, {"**", 0}, {"a*", 0}, {"a*/b", 0}, {"*/b/c", 0}, {"**/b/c", 0},
		{"a/b", 1}, {"a/*", 1}, {"a/**", 1}, {"a/b*", 1}, {"a/*b", 1}, {"a/b*/c", 1}, {"a/*/c", 1},
		{"a/**/c", 1}, {"aa/b*/c/d", 2}, {"a/b/c", 3}, {"a/b/*", 3}, {"a/b/**", 3}, {"a/b/c*d/e", 3},
		{"a/b/c/**", 5},
	};

	for (size_t i = 0; i < lengthof(table); i++)
	{
		size_t		len = strlen(table[i].pattern);
		char	   *copy = exact_copy(table[i].pattern, len);

		CHECK(pattern_folder(copy, len) == table[i].folder, "%s", copy);
		free(copy);
	}
}

/*
 * All that there is of some characters up to some length: what the validator
 * lets pass, one after the other in texts.
 */
typedef struct Collection
{
	char		(*texts)[8];
	size_t	   *lens;
	size_t		n;
} Collection;

static Collection
collect(const char *alphabet, size_t longest, bool (*valid) (const char *, size_t))
{
	Collection	all = {NULL, NULL, 0};
	size_t		letters = strlen(alphabet);
	size_t		room = 0;

	for (size_t len = 1, codes = letters; len <= longest; len++, codes *= letters)
		for (size_t code = 0; code < codes; code++)
		{
			char		text[8];

			for (size_t i = 0, rest = code; i < len; i++, rest /= letters)
				text[i] = alphabet[rest % letters];
			if (!valid(text, len))
				continue;
			if (all.n == room)
			{
				room = room > 0 ? 2 * room : 1024;
				all.texts = realloc(all.texts, room * sizeof(*all.texts));
				all.lens = realloc(all.lens, room * sizeof(*all.lens));
				if (all.texts == NULL || all.lens == NULL)
					abort();
			}
			memcpy(all.texts[all.n], text, len);
			all.lens[all.n++] = len;
		}
	return all;
}

/* For each pattern, a bit for each name that it matches. */
static uint64_t *
match_all(const Collection *patterns, const Collection *names, size_t words)
{
	uint64_t   *bits = calloc(patterns->n * words, sizeof(*bits));

	if (bits == NULL)
		abort();
	for (size_t i = 0; i < patterns->n; i++)
		for (size_t j = 0; j < names->n; j++)
			if (pattern_matches(patterns->texts[i], patterns->lens[i], names->texts[j], names->lens[j]))
				bits[i * words + j / 64] |= (uint64_t) 1 << (j % 64);
	return bits;
}

/*
 * Patterns of a, b and stars against names that have a c too, or nothing would
 * be unlike all that stands in a pattern.
 *
 * Names of 8 characters tell all patterns of up to 5 apart, and each two of
 * them that meet do so in one: it takes aaaabbbb for *bbbb and aaaa*, and a name
 * of four segments to see that three stars are less than two stars.  If it took
 * more, this test would fail; the automaton below needs no bound.
 */
static void
all_small_patterns(void)
{
	Collection	patterns = collect("ab/*", 5, pattern_is_valid);
	Collection	names = collect("abc/", 8, name_is_valid);
	size_t		words = (names.n + 63) / 64;
	uint64_t   *bits = match_all(&patterns, &names, words);
	long		contained = 0;
	long		met = 0;

	for (size_t i = 0; i < patterns.n; i++)
		for (size_t j = 0; j < patterns.n; j++)
		{
			const char *a = patterns.texts[i];
			const char *b = patterns.texts[j];
			size_t		alen = patterns.lens[i];
			size_t		blen = patterns.lens[j];
			bool		all = true;
			bool		some = false;

			for (size_t k = 0; k < words && (all || !some); k++)
			{
				all = all && (bits[j * words + k] & ~bits[i * words + k]) == 0;
				some = some || (bits[j * words + k] & bits[i * words + k]) != 0;
			}
			CHECK(pattern_contains(a, alen, b, blen) == all,
				  "\"%.*s\" and \"%.*s\"", (int) alen, a, (int) blen, b);
			CHECK(pattern_intersects(a, alen, b, blen) == some,
				  "\"%.*s\" and \"%.*s\"", (int) alen, a, (int) blen, b);
			contained += all;
			met += some;
		}
	CHECK(patterns.n > 500 && names.n > 10000 && contained > 5000 && met > 20000,
		  "%zu patterns, %zu names, %ld contained, %ld met", patterns.n, names.n, contained, met);
	free(bits);
	free(patterns.texts);
	free(patterns.lens);
	free(names.texts);
	free(names.lens);
}

/* With small patterns of few letters; undecided is an answer too, but not a frequent one. */
static Relation
compare_with_automaton(const char *a, size_t alen, const char *b, size_t blen)
{
	Relation	judged = automaton_relation(a, alen, b, blen);

	if (judged.decided)
	{
		CHECK(contains(a, alen, b, blen) == judged.a_contains_b,
			  "\"%.*s\" and \"%.*s\"", (int) alen, a, (int) blen, b);
		CHECK(contains(b, blen, a, alen) == judged.b_contains_a,
			  "\"%.*s\" and \"%.*s\"", (int) blen, b, (int) alen, a);
		CHECK(intersects(a, alen, b, blen) == judged.intersect,
			  "\"%.*s\" and \"%.*s\"", (int) alen, a, (int) blen, b);
	}
	return judged;
}

static void
automaton_agrees_with_oracle(void)
{
	int			matched = 0;
	int			compared = 0;

	while (compared < 20000)
	{
		char		pattern[10];
		char		name[10];
		size_t		plen = 1 + pick(10);
		size_t		len = 1 + pick(10);
		bool		wanted;

		for (size_t i = 0; i < plen; i++)
			pattern[i] = "ab/**"[pick(5)];
		for (size_t i = 0; i < len; i++)
			name[i] = "aab/"[pick(4)];
		if (!pattern_is_valid(pattern, plen) || !name_is_valid(name, len))
			continue;
		wanted = oracle_matches(pattern, plen, name, len);
		CHECK(automaton_matches(pattern, plen, name, len) == wanted,
			  "\"%.*s\" and \"%.*s\"", (int) plen, pattern, (int) len, name);
		compared++;
		matched += wanted;
	}
	CHECK(matched > 1000, "%d", matched);
}

static size_t
draw_segment(char *out)
{
	size_t		len = 0;

	switch (pick(8))
	{
		case 0:
		case 1:
			memcpy(out, "**", 2);
			return 2;
		case 2:
		case 3:
			*out = '*';
			return 1;
		default:
			for (uint32_t i = 0, n = 1 + pick(4); i < n; i++)
			{
				bool		after_star = len > 0 && out[len - 1] == '*';

				out[len++] = "aab*"[pick(after_star ? 3 : 4)];
			}
			return len;
	}
}

static size_t
draw_pattern(char *out, uint32_t segments)
{
	size_t		len = 0;

	for (uint32_t i = 0, n = 1 + pick(segments); i < n; i++)
	{
		if (i > 0)
			out[len++] = '/';
		len += draw_segment(out + len);
	}
	return len;
}

/* As the pattern, but that some stars became something that they swallow: mostly narrower. */
static size_t
draw_narrower(char *out, const char *pattern, size_t plen)
{
	size_t		len = 0;

	for (size_t i = 0; i < plen; i++)
	{
		bool		two_stars = i + 1 < plen && pattern[i] == '*' && pattern[i + 1] == '*';

		if (pattern[i] != '*' || pick(2) == 0)
		{
			out[len++] = pattern[i];
			if (two_stars)
				out[len++] = pattern[++i];
		}
		else if (two_stars)
		{
			i++;
			len += draw_pattern(out + len, 2);
		}
		else
			for (uint32_t j = 0, n = pick(4); j < n; j++)
				out[len++] = "ab*"[pick(3)];
	}
	return len;
}

static void
random_patterns_against_automaton(void)
{
	int			rounds = long_run ? 3000000 : 100000;
	int			decided = 0;
	int			contained = 0;
	int			met = 0;
	int			compared = 0;

	for (int i = 0; i < rounds; i++)
	{
		char		a[64];
		char		b[256];
		size_t		alen = draw_pattern(a, 5);
		size_t		blen = pick(2) == 0 ? draw_pattern(b, 4) : draw_narrower(b, a, alen);
		Relation	judged;

		if (!pattern_is_valid(b, blen) || blen > 30)
			continue;
		CHECK(pattern_is_valid(a, alen), "\"%.*s\"", (int) alen, a);
		judged = compare_with_automaton(a, alen, b, blen);
		compared++;
		decided += judged.decided;
		contained += judged.a_contains_b;
		met += judged.intersect;
	}
	CHECK(decided > compared / 100 * 95 && contained > compared / 10 && met > contained && met < decided,
		  "%d compared, %d decided, %d contained, %d met", compared, decided, contained, met);
}

static size_t
repeat(char *out, const char *unit, size_t size, const char *end)
{
	size_t		len = 0;

	for (; len + strlen(unit) + strlen(end) <= size; len += strlen(unit))
		memcpy(out + len, unit, strlen(unit));
	memcpy(out + len, end, strlen(end));
	return len + strlen(end);
}

/* As long and as many segments as a pattern can have. */
static void
longest_patterns(void)
{
	static const struct
	{
		const char *outer;
		const char *outer_end;
		const char *inner;
		const char *inner_end;
		bool		contains;
		bool		intersects;
	}			table[] = {
		{"a", "", "a", "", YES, YES}, {"a", "", "a", "b", NO, NO}, {"*a", "", "a", "", YES, YES},
		{"a", "", "*a", "", NO, YES}, {"a", "*", "a", "*", YES, YES},
		{"a", "*", "*b", "a", NO, YES}, {"*b", "a", "*b", "a", YES, YES},
		{"a/", "a", "a/", "a", YES, YES}, {"*/", "*", "a/", "a", YES, YES}, {"a/", "a", "*/", "*", NO, YES},
		{"*/", "**", "*/", "**", YES, YES}, {"**/", "*", "*/", "*", YES, YES},
		{"**/", "a", "a/", "a", YES, YES}, {"**/", "**", "*/", "**", YES, YES}, {"*/", "**", "**/", "**", NO, YES},
		{"**/a/", "a", "a/", "a", YES, YES}, {"a/", "a", "**/a/", "a", NO, YES},
		{"**/a/", "b", "a/", "a", NO, NO}, {"**/*/", "a", "a/", "a", YES, YES},
		{"**/*/", "**", "a/", "**", YES, YES}, {"*/", "*", "**/", "*", NO, YES},
		{"a*/", "**", "ab/", "**", YES, YES}, {"a*/", "**", "b/", "**", NO, NO},
	};

	for (size_t i = 0; i < lengthof(table); i++)
	{
		char		outer[NAME_MAX_LEN];
		char		inner[NAME_MAX_LEN];
		size_t		olen = repeat(outer, table[i].outer, sizeof(outer), table[i].outer_end);
		size_t		ilen = repeat(inner, table[i].inner, sizeof(inner), table[i].inner_end);

		CHECK(pattern_is_valid(outer, olen) && pattern_is_valid(inner, ilen), "%zu", i);
		CHECK(contains(outer, olen, inner, ilen) == table[i].contains, "%zu", i);
		CHECK(intersects(outer, olen, inner, ilen) == table[i].intersects, "%zu", i);
		CHECK(contains(outer, olen, outer, olen) && contains(inner, ilen, inner, ilen), "%zu", i);
	}
}

/* What name.h says may be wrong, and it is: what does not fit into a name. */
static void
too_long_for_a_name(void)
{
	char		inner[NAME_MAX_LEN];
	char		other[NAME_MAX_LEN];

	/* After 509 characters and a slash there is room for one segment only. */
	memset(inner, 'a', sizeof(inner));
	memcpy(inner + 509, "/**", 3);
	CHECK(pattern_is_valid(inner, sizeof(inner)));
	CHECK(!contains("a*/*", 4, inner, sizeof(inner)));
	CHECK(contains("a*/**", 5, inner, sizeof(inner)));

	/* 300 characters at the front and 300 others at the end. */
	memset(inner, 'a', 300);
	inner[300] = '*';
	other[0] = '*';
	memset(other + 1, 'b', 300);
	CHECK(intersects(inner, 301, other, 301));
}

/* A character that no pattern leaves out: nothing is fresh then, and still nothing is wrong. */
static void
every_character_in_use(void)
{
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+=-";
	char		outer[256];
	char		inner[256];
	size_t		olen = 0;
	size_t		ilen = 0;

	for (const char *c = all; *c; c++)
	{
		outer[olen++] = '*';
		outer[olen++] = *c;
		inner[ilen++] = *c;
	}
	inner[ilen++] = '*';
	CHECK(strlen(all) == 68);
	CHECK(!contains(outer, olen, inner, ilen) && intersects(outer, olen, inner, ilen));
	CHECK(!contains(outer, olen, "*", 1) && contains("*", 1, outer, olen));
	outer[olen++] = '*';
	CHECK(contains(outer, olen, inner, ilen) && !contains(inner, ilen, outer, olen));
	CHECK(!contains(outer, olen, inner, ilen - 2) && !contains(outer, olen, inner + 1, ilen - 1));
}

int
main(int argc, char **argv)
{
	long_run = argc > 1 && strcmp(argv[1], "long") == 0;
	RUN(relation_table);
	RUN(folders);
	RUN(longest_patterns);
	RUN(too_long_for_a_name);
	RUN(every_character_in_use);
	RUN(all_small_patterns);
	RUN(automaton_agrees_with_oracle);
	RUN(random_patterns_against_automaton);
	return check_summary("pattern-algebra");
}
