/*
 * name_steps_test.c: how long matching, and comparing patterns, takes; counted
 * and not timed.
 *
 * The source is compiled into this program with a call at each of its basic
 * blocks; the calls are the steps.  The other sanitizers would add blocks of
 * their own.
 *
 * cflags: -fno-sanitize=all -fsanitize-coverage=trace-pc
 */
#include "check.h"

static volatile unsigned long steps;

extern void __sanitizer_cov_trace_pc(void);

__attribute__((no_sanitize_coverage)) void
__sanitizer_cov_trace_pc(void)
{
	steps++;
}

#include "../../src/store/name.c"

/* Blocks for one character against one character: up to six, and nine, with this compiler. */
#define STEPS_A_PAIR 8
#define STEPS_A_PAIR_OF_TWO 12	/* patterns; where a segment ends is looked up more often then */

/* A start, a unit repeated as often as it fits into size, and an end. */
static size_t
compose(char *out, size_t size, const char *start, const char *unit, const char *end)
{
	size_t		len = strlen(start);

	memcpy(out, start, len);
	for (; len + strlen(unit) + strlen(end) <= size; len += strlen(unit))
		memcpy(out + len, unit, strlen(unit));
	memcpy(out + len, end, strlen(end));
	return len + strlen(end);
}

static volatile bool last_match;	/* or the compiler leaves the call out */
static double worst;			/* steps for each pair of characters, of the one and the other */

typedef bool (*Question) (const char *a, size_t alen, const char *b, size_t blen);

static void
count_steps_of(Question question, double most, const char *what,
			   const char *a, size_t alen, const char *b, size_t blen)
{
	double		each;

	steps = 0;
	last_match = question(a, alen, b, blen);
	each = (double) steps / (double) (alen * blen);
	CHECK(steps > 0 && each <= most,
		  "%lu steps: \"%.*s\" %s \"%.*s\"", steps, (int) alen, a, what, (int) blen, b);
	worst = each > worst ? each : worst;
}

static void
count_steps(const char *pattern, size_t plen, const char *name, size_t len)
{
	CHECK(pattern_is_valid(pattern, plen), "%.*s", (int) plen, pattern);
	CHECK(name_is_valid(name, len), "%.*s", (int) len, name);
	count_steps_of(pattern_matches, STEPS_A_PAIR, "matches", pattern, plen, name, len);
}

static void
count_steps_of_two(const char *a, size_t alen, const char *b, size_t blen)
{
	CHECK(pattern_is_valid(a, alen), "%.*s", (int) alen, a);
	CHECK(pattern_is_valid(b, blen), "%.*s", (int) blen, b);
	count_steps_of(pattern_contains, STEPS_A_PAIR_OF_TWO, "contains", a, alen, b, blen);
	count_steps_of(pattern_contains, STEPS_A_PAIR_OF_TWO, "contains", b, blen, a, alen);
	count_steps_of(pattern_intersects, STEPS_A_PAIR_OF_TWO, "intersects", a, alen, b, blen);
}

static const struct
{
	const char *start;
	const char *unit;
	const char *end;
	const char *name_unit;
	const char *name_end;
}			nasty[] = {
	{"*", "a", "b", "a", "a"}, {"*", "a", "*b", "a", "a"}, {"a*", "a", "b", "a", "c"},
	{"", "a*", "b", "a", "a"},
	{"", "*a", "b", "a", "a"}, {"", "*aa", "b", "a", "a"}, {"", "a*b*", "c", "ab", "a"},
	{"", "*aaaaaaaa", "b", "a", "a"},
	{"**/", "a/", "b", "a/", "a"}, {"**/", "*/", "b", "a/", "a"}, {"**/", "*a*/", "b", "a/", "a"},
	{"", "**/a/", "b", "a/", "a"}, {"", "**/*/", "b", "a/", "a"}, {"", "**/*a*/", "b", "a/", "a"},
	{"**/", "*a*a*a*b/", "c", "aaaa/", "a"}, {"", "*a*/**/", "b", "aaaaaaa/", "a"},
	{"", "*/", "*b", "a/", "a"},
	{"**/", "*aaaaaaab/", "c", "aaaaaaaaaaaaaaab/", "a"},
	{"**/", "*aaaaaaa/", "c", "aaaaaaaaaaaaaaaa/", "a"},
	{"**/*", "a", "b", "a", "a"}, {"**/*", "a", "b/**", "a", "/b"},
};

static size_t
compose_nasty(char *out, size_t size, size_t i)
{
	return compose(out, size, nasty[i].start, nasty[i].unit, nasty[i].end);
}

static void
never_more_than_len_times_plen(void)
{
	static const size_t sizes[] = {64, 128, 256, 512};

	for (size_t i = 0; i < lengthof(nasty); i++)
		for (size_t j = 0; j < lengthof(sizes); j++)
			for (size_t k = 0; k < lengthof(sizes); k++)
			{
				char		pattern[512];
				char		name[512];
				size_t		plen = compose_nasty(pattern, sizes[j], i);
				size_t		len = compose(name, sizes[k], "", nasty[i].name_unit, nasty[i].name_end);

				count_steps(pattern, plen, name, len);
			}
}

/* Each with each, of any two sizes. */
static void
never_more_than_plen_times_plen(void)
{
	static const size_t sizes[] = {64, 512};

	for (size_t i = 0; i < lengthof(nasty) * lengthof(sizes); i++)
		for (size_t j = 0; j <= i; j++)
		{
			char		a[512];
			char		b[512];
			size_t		alen = compose_nasty(a, sizes[i / lengthof(nasty)], i % lengthof(nasty));
			size_t		blen = compose_nasty(b, sizes[j / lengthof(nasty)], j % lengthof(nasty));

			count_steps_of_two(a, alen, b, blen);
		}
}

/* Patterns of repeated units against names of repeated units. */
static void
random_nastiness(void)
{
	int			counted = 0;

	for (int i = 0; i < 20000; i++)
	{
		char		pattern[512];
		char		name[512];
		char		punit[13] = {0};
		char		unit[13] = {0};
		size_t		plen;
		size_t		len;

		for (uint32_t j = 0, n = 1 + pick(12); j < n; j++)
			punit[j] = "aaab/**"[pick(7)];
		for (uint32_t j = 0, n = 1 + pick(12); j < n; j++)
			unit[j] = "aaaab/"[pick(6)];
		plen = compose(pattern, 512, "", punit, "b");
		len = compose(name, 512, "", unit, "a");
		if (!pattern_is_valid(pattern, plen) || !name_is_valid(name, len))
			continue;
		count_steps(pattern, plen, name, len);
		counted++;
	}
	CHECK(counted > 1000, "%d", counted);
}

static void
random_nastiness_of_two(void)
{
	int			counted = 0;

	for (int i = 0; i < 20000; i++)
	{
		char		texts[2][512];
		size_t		lens[2];

		for (int k = 0; k < 2; k++)
		{
			char		unit[13] = {0};

			for (uint32_t j = 0, n = 1 + pick(12); j < n; j++)
				unit[j] = "aaab//**"[pick(8)];
			lens[k] = compose(texts[k], 512, pick(2) == 0 ? "**/" : "", unit, pick(2) == 0 ? "b" : "a/**");
		}
		if (!pattern_is_valid(texts[0], lens[0]) || !pattern_is_valid(texts[1], lens[1]))
			continue;
		count_steps_of_two(texts[0], lens[0], texts[1], lens[1]);
		counted++;
	}
	CHECK(counted > 500, "%d", counted);
}

int
main(void)
{
	RUN(never_more_than_len_times_plen);
	RUN(never_more_than_plen_times_plen);
	RUN(random_nastiness);
	RUN(random_nastiness_of_two);
	printf("name-steps: at worst %.1f basic blocks for each pair of characters\n", worst);
	return check_summary("name-steps");
}
