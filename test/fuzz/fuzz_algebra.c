/*
 * fuzz_algebra.c: three patterns, 0xff between them, and what must hold of
 * which contains, meets and matches which; each name is a pattern too.
 *
 * Two short ones are also compared with the automaton of the unit tests, which
 * knows the right answer to both questions.
 */
#include "property.h"

#include "store/name.h"

#define AUTOMATON_MAX_PAIRS 200	/* most runs are not to be slow */
#include "../unit/pattern_automaton.h"

static bool
contains(const Part *outer, const Part *inner)
{
	return pattern_contains(outer->data, outer->len, inner->data, inner->len);
}

static bool
intersects(const Part *a, const Part *b)
{
	return pattern_intersects(a->data, a->len, b->data, b->len);
}

static bool
is_pattern(const Part *part)
{
	return pattern_is_valid(part->data, part->len);
}

static bool
is_name(const Part *part)
{
	return name_is_valid(part->data, part->len);
}

static bool
matches(const Part *pattern, const Part *name)
{
	return pattern_matches(pattern->data, pattern->len, name->data, name->len);
}

static size_t
folder(const Part *pattern)
{
	return pattern_folder(pattern->data, pattern->len);
}

/* The first part lies in the folder of the second. */
static bool
lies_in_folder(const Part *part, const Part *of)
{
	size_t		len = folder(of);

	return len == 0 || (part->len > len && memcmp(part->data, of->data, len) == 0 && part->data[len] == '/');
}

static void
check_one(const Part *p)
{
	size_t		len = folder(p);

	PROPERTY(contains(p, p) && intersects(p, p));
	PROPERTY(pattern_contains("**", 2, p->data, p->len) && pattern_intersects("**", 2, p->data, p->len));
	PROPERTY(len < p->len && (len == 0 || (p->data[len] == '/' && name_is_valid(p->data, len))));
	PROPERTY(len == 0 || memchr(p->data, '*', len) == NULL);
}

static void
check_two(const Part *a, const Part *b)
{
	bool		a_contains_b = contains(a, b);
	bool		b_contains_a = contains(b, a);
	bool		meet = intersects(a, b);
	Relation	judged = {.decided = false};

	PROPERTY(intersects(b, a) == meet);
	PROPERTY(!(a_contains_b || b_contains_a) || meet);
	PROPERTY(!a_contains_b || lies_in_folder(b, a));
	/* Of two that meet, one has its folder in the other's. */
	PROPERTY(!meet || lies_in_folder(a, b) || lies_in_folder(b, a));
	if (is_name(b))
	{
		PROPERTY(a_contains_b == matches(a, b));
		PROPERTY(meet == a_contains_b);
	}
	if (a->len <= AUTOMATON_MAX_LEN && b->len <= AUTOMATON_MAX_LEN)
		judged = automaton_relation(a->data, a->len, b->data, b->len);
	if (judged.decided)
	{
		PROPERTY(a_contains_b == judged.a_contains_b);
		PROPERTY(b_contains_a == judged.b_contains_a);
		PROPERTY(meet == judged.intersect);
	}
}

/* The third may be a name: what contains it matches it. */
static void
check_three(const Part *a, const Part *b, const Part *c)
{
	PROPERTY(!(contains(a, b) && contains(b, c)) || contains(a, c));
	PROPERTY(!(contains(a, b) && intersects(b, c)) || intersects(a, c));
	PROPERTY(!(contains(a, c) && contains(b, c)) || intersects(a, b));
}

/*
 * A name that the pattern matches, if it is short enough for one: the filler for
 * each star, and for two stars a few segments of it.
 */
static Part
name_within(const Part *pattern, const Part *filler)
{
	size_t		seed = filler->len;
	Part		name = {exact_room(pattern->len * 4 * (filler->len + 1)), 0};

	for (size_t i = 0; i < pattern->len; i++)
	{
		bool		two_stars = i + 1 < pattern->len && memcmp(pattern->data + i, "**", 2) == 0;
		size_t		times = 1;

		if (pattern->data[i] != '*')
		{
			name.data[name.len++] = pattern->data[i];
			continue;
		}
		if (two_stars)
		{
			i++;
			times = seed % 4;
			seed = seed * 5 + 1;
			if (i + 1 == pattern->len && times == 0)
				times = 1;
			if (times == 0)
				i++;			/* its slash too */
		}
		for (size_t j = 0; j < times; j++)
		{
			if (j > 0)
				name.data[name.len++] = '/';
			memcpy(name.data + name.len, filler->data, filler->len);
			name.len += filler->len;
		}
	}
	return name;
}

static void
check_names_within(const Part *a, const Part *b, const Part *filler)
{
	Part		name;

	if (filler->len > 4 || !is_name(filler) || memchr(filler->data, '/', filler->len) != NULL)
		return;
	name = name_within(b, filler);
	if (is_name(&name))
	{
		PROPERTY(matches(b, &name) && lies_in_folder(&name, b));
		if (contains(a, b))
			PROPERTY(matches(a, &name));
		if (matches(a, &name))
			PROPERTY(intersects(a, b) && lies_in_folder(&name, a));
		check_three(a, b, &name);
	}
	free(name.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Part		parts[3];
	bool		valid[3];

	for (int i = 0; i < 3; i++)
	{
		parts[i] = next_part(&data, &size);
		valid[i] = is_pattern(&parts[i]);
		if (valid[i])
			check_one(&parts[i]);
	}
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++)
		{
			if (i == j || !valid[i] || !valid[j])
				continue;
			/* Both ways are asked in one. */
			if (i < j)
				check_two(&parts[i], &parts[j]);
			check_names_within(&parts[i], &parts[j], &parts[3 - i - j]);
			if (valid[3 - i - j])
				check_three(&parts[i], &parts[j], &parts[3 - i - j]);
		}
	for (int i = 0; i < 3; i++)
		free(parts[i].data);
	return 0;
}
