/*
 * pattern_automaton.h: how two patterns lie to each other, decided by trying
 * every name there is.
 *
 * A pattern is a nondeterministic automaton over the characters of a name: a
 * state for each position in its text, and a set of states is a bit mask.  Two
 * patterns read the same name, character by character, in every way at once;
 * there are only so many pairs of sets to come upon, so that names of any
 * length are all tried in finite time.  Nothing here is known of greed, gaps
 * or fresh letters, which is what name.c lives by.
 *
 * "." and ".." count as segments, and names may be of any length: neither makes
 * a difference to what name.h promises.
 */
#ifndef TEST_PATTERN_AUTOMATON_H
#define TEST_PATTERN_AUTOMATON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AUTOMATON_MAX_LEN	60	/* characters of a pattern */
#ifndef AUTOMATON_MAX_PAIRS
#define AUTOMATON_MAX_PAIRS 4096	/* what needs more of them is left undecided */
#endif

typedef struct Automaton
{
	const char *text;
	int			len;
	uint64_t	two_stars;		/* at the first of two stars: nothing of the segment is read yet */
	uint64_t	inside;			/* at the second: some of it is */
	uint64_t	accepting;
} Automaton;

#define STATE(i) ((uint64_t) 1 << (i))

static inline Automaton
build_automaton(const char *pattern, size_t len)
{
	Automaton	a = {.text = pattern,.len = (int) len,.accepting = STATE(len)};

	for (int i = 0; i + 1 < a.len; i++)
		if (pattern[i] == '*' && pattern[i + 1] == '*')
		{
			a.two_stars |= STATE(i);
			a.inside |= STATE(i + 1);
			if (i + 2 == a.len)
				a.accepting = STATE(i + 1);
		}
	return a;
}

/* What else can be reached without reading anything: stars that stand for nothing. */
static inline uint64_t
reach(const Automaton *a, uint64_t states)
{
	for (uint64_t left = states; left != 0; left &= left - 1)
	{
		int			i = __builtin_ctzll(left);
		uint64_t	further = 0;

		if (i == a->len || a->text[i] != '*' || (a->inside & STATE(i)))
			continue;
		if (!(a->two_stars & STATE(i)))
			further = STATE(i + 1);
		else if (i + 2 < a->len)
			further = STATE(i + 3);
		states |= further;
		left |= further;
	}
	return states;
}

static inline uint64_t
read_character(const Automaton *a, uint64_t states, char c)
{
	uint64_t	after = 0;

	for (uint64_t left = states & ~STATE(a->len); left != 0; left &= left - 1)
	{
		int			i = __builtin_ctzll(left);

		if (a->text[i] != '*')
			after |= a->text[i] == c ? STATE(i + 1) : 0;
		else if (a->two_stars & STATE(i))
			after |= c != '/' ? STATE(i + 1) : 0;
		else if (a->inside & STATE(i))
			after |= c != '/' ? STATE(i) : STATE(i - 1);
		else
			after |= c != '/' ? STATE(i) : 0;
	}
	return reach(a, after);
}

static inline bool
automaton_matches(const char *pattern, size_t plen, const char *name, size_t len)
{
	Automaton	a = build_automaton(pattern, plen);
	uint64_t	states = reach(&a, STATE(0));

	for (size_t i = 0; i < len; i++)
		states = read_character(&a, states, name[i]);
	return (states & a.accepting) != 0;
}

typedef struct Relation
{
	bool		decided;
	bool		a_contains_b;
	bool		b_contains_a;
	bool		intersect;
} Relation;

typedef struct StatePair
{
	uint64_t	a;
	uint64_t	b;
	bool		segment_begins; /* so that neither a slash nor the end may follow */
	bool		used;
} StatePair;

/* Each pair is kept once, at the place that its hash gives or the next free one. */
static inline StatePair *
place_of_pair(StatePair *table, StatePair pair)
{
	uint64_t	hash = (pair.a * 31 + pair.b * 2 + pair.segment_begins) * 0x9e3779b97f4a7c15;

	for (size_t i = hash >> 32;; i++)
	{
		StatePair  *place = table + i % (2 * AUTOMATON_MAX_PAIRS);

		if (!place->used || (place->a == pair.a && place->b == pair.b
							 && place->segment_begins == pair.segment_begins))
			return place;
	}
}

/* The characters that either has, a slash, and '~', which stands for all that neither has. */
static inline size_t
characters_of(char *out, const Automaton *a, const Automaton *b)
{
	size_t		n = 0;

	out[n++] = '/';
	out[n++] = '~';
	for (int i = 0; i < a->len + b->len; i++)
	{
		char		c = i < a->len ? a->text[i] : b->text[i - a->len];

		if (c != '*' && memchr(out, c, n) == NULL)
			out[n++] = c;
	}
	return n;
}

/* Both valid and of at most AUTOMATON_MAX_LEN characters. */
static inline Relation
automaton_relation(const char *pattern_a, size_t alen, const char *pattern_b, size_t blen)
{
	static StatePair table[2 * AUTOMATON_MAX_PAIRS];
	static StatePair queue[AUTOMATON_MAX_PAIRS];
	Automaton	a = build_automaton(pattern_a, alen);
	Automaton	b = build_automaton(pattern_b, blen);
	Relation	relation = {.decided = true,.a_contains_b = true,.b_contains_a = true};
	char		characters[2 * AUTOMATON_MAX_LEN + 2];
	size_t		ncharacters = characters_of(characters, &a, &b);
	size_t		tail = 0;

	memset(table, 0, sizeof(table));
	queue[tail++] = (StatePair) {reach(&a, STATE(0)), reach(&b, STATE(0)), true, true};
	for (size_t head = 0; head < tail; head++)
	{
		StatePair	at = queue[head];

		if (!at.segment_begins)
		{
			bool		in_a = (at.a & a.accepting) != 0;
			bool		in_b = (at.b & b.accepting) != 0;

			relation.intersect |= in_a && in_b;
			relation.a_contains_b &= in_a || !in_b;
			relation.b_contains_a &= in_b || !in_a;
		}
		for (size_t i = at.segment_begins ? 1 : 0; i < ncharacters; i++)
		{
			char		c = characters[i];
			StatePair	next = {read_character(&a, at.a, c), read_character(&b, at.b, c), c == '/', true};
			StatePair  *place = place_of_pair(table, next);

			if (place->used || (next.a == 0 && next.b == 0))
				continue;
			if (tail == AUTOMATON_MAX_PAIRS)
				return (Relation) {.decided = false};
			*place = next;
			queue[tail++] = next;
		}
	}
	return relation;
}

#endif
