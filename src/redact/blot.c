/*
 * redact/blot.c
 *
 * A text is looked at in some views (view.h).  Whether a value could begin at a
 * byte is told by a gate: one bit of a table, found by the four bytes there.  Where
 * it is open, what follows is hashed in each of the lengths that values have, and the
 * hash looked for: so work does not grow with the number of values.
 */
#include <string.h>

#include "redact/blot.h"
#include "redact/sip.h"
#include "redact/view.h"

#define SLOTS		8192		/* a power of two; more than twice MOST_HASHES */
#define MOST_HASHES (3 * BLOT_MOST)
#define GATES		65536
#define MOST_RANGES 256
#define MOST_WORK	((size_t) 1 << 28)	/* bytes looked at: a second, or so */

/* What a hash is of. */
typedef enum Kind
{
	WHOLE,						/* a value of so many bytes */
	START,						/* the first BLOT_START of a longer one */
	MIDDLING,					/* the first BLOT_BEGINNING of a longer one that is not long */
	LONG,						/* the same of one longer than BLOT_LONG */
} Kind;

/* What came in one age.  Lists say what is to be cleared. */
typedef struct Age
{
	int			nvalues;
	int			nused;
	uint64_t	lengths;		/* of whole values; bit 0 is 1 */
	unsigned	kinds;			/* bits, by Kind */
	uint64_t	gates[GATES / 64];
	uint64_t	slots[SLOTS];	/* 0: free */
	uint16_t	opened[BLOT_MOST];	/* a gate a value */
	uint16_t	used[MOST_HASHES];
} Age;

struct Blotter
{
	SipKey		key;
	uint32_t	gate_key;
	int			now;			/* which of the ages */
	Age			ages[2];
};

_Static_assert(sizeof(Blotter) <= BLOT_SIZE, "a Blotter fits into what its header says");
_Static_assert(VIEW_AHEAD >= BLOT_LONG + 3, "a view shows a value, and dots behind it");

/* ---- hashes and gates ---- */

static uint64_t
hash_of(const Blotter *blotter, Kind kind, const uint8_t *bytes, size_t len)
{
	uint64_t	hash = sip_hash(&blotter->key, bytes, len) + (uint64_t) kind;

	return hash ? hash : 1;
}

static unsigned
gate_of(const Blotter *blotter, const uint8_t *bytes)
{
	uint32_t	word;

	memcpy(&word, bytes, sizeof(word));
	return (word * blotter->gate_key) >> 16;
}

static bool
is_open(const Age *age, unsigned gate)
{
	return age->gates[gate / 64] >> gate % 64 & 1;
}

/* Where it is, or would be. */
static unsigned
find_slot(const Age *age, uint64_t hash)
{
	unsigned	slot = (unsigned) hash % SLOTS;

	while (age->slots[slot] != 0 && age->slots[slot] != hash)
		slot = (slot + 1) % SLOTS;
	return slot;
}

static bool
has(const Blotter *blotter, uint64_t hash)
{
	return blotter->ages[0].slots[find_slot(&blotter->ages[0], hash)] == hash
		|| blotter->ages[1].slots[find_slot(&blotter->ages[1], hash)] == hash;
}

/* ---- remembering ---- */

static void
forget(Age *age)
{
	for (int i = 0; i < age->nused; i++)
		age->slots[age->used[i]] = 0;
	for (int i = 0; i < age->nvalues; i++)
		age->gates[age->opened[i] / 64] = 0;
	age->nvalues = age->nused = 0;
	age->lengths = 0;
	age->kinds = 0;
}

void
blot_init(Blotter *blotter, const uint8_t key[BLOT_KEY_LEN])
{
	forget(&blotter->ages[0]);
	forget(&blotter->ages[1]);
	blotter->key = sip_key(key);
	blotter->gate_key = (uint32_t) blotter->key.halves[0] | 1;
}

void
blot_age(Blotter *blotter)
{
	blotter->now = 1 - blotter->now;
	forget(&blotter->ages[blotter->now]);
}

bool
blot_is_empty(const Blotter *blotter)
{
	return blotter->ages[0].nvalues == 0 && blotter->ages[1].nvalues == 0;
}

/* False: it was there. */
static bool
insert(Blotter *blotter, Kind kind, const uint8_t *bytes, size_t len)
{
	Age		   *age = &blotter->ages[blotter->now];
	uint64_t	hash = hash_of(blotter, kind, bytes, len);
	unsigned	slot = find_slot(age, hash);

	if (age->slots[slot] == hash)
		return false;
	age->slots[slot] = hash;
	age->used[age->nused++] = (uint16_t) slot;
	age->kinds |= 1u << kind;
	return true;
}

static void
open_gate(Blotter *blotter, const uint8_t *bytes)
{
	Age		   *age = &blotter->ages[blotter->now];
	unsigned	gate = gate_of(blotter, bytes);

	age->gates[gate / 64] |= (uint64_t) 1 << gate % 64;
	age->opened[age->nvalues++] = (uint16_t) gate;
}

/* So much of it as is hashed, as views show it. */
static void
remember(Blotter *blotter, const uint8_t *bytes, size_t len)
{
	if (!(len > BLOT_LONG ? insert(blotter, LONG, bytes, BLOT_BEGINNING) : insert(blotter, WHOLE, bytes, len)))
		return;
	if (len <= BLOT_LONG)
		blotter->ages[blotter->now].lengths |= (uint64_t) 1 << (len - 1);
	if (len <= BLOT_LONG && len > BLOT_BEGINNING)
		(void) insert(blotter, MIDDLING, bytes, BLOT_BEGINNING);
	if (len > BLOT_START)
		(void) insert(blotter, START, bytes, BLOT_START);
	open_gate(blotter, bytes);
}

void
blot_remember(Blotter *blotter, const char *value, size_t len)
{
	uint8_t		folded[BLOT_LONG];

	if (len < BLOT_SHORTEST)
		return;
	if (blotter->ages[blotter->now].nvalues == BLOT_MOST)
		blot_age(blotter);
	for (size_t i = 0; i < len && i < sizeof(folded); i++)
		folded[i] = view_fold((uint8_t) value[i]);
	remember(blotter, folded, len);
	explicit_bzero(folded, sizeof(folded));
}

/* ---- what is to be covered ---- */

typedef struct Range
{
	size_t		from;
	size_t		upto;
} Range;

/* Nothing is covered before all has been looked at: the views would not be of the same text. */
typedef struct Search
{
	const Blotter *blotter;
	char	   *text;
	size_t		len;
	uint64_t	lengths;
	unsigned	kinds;
	size_t		work;
	bool		found;
	int			nranges;
	Range		ranges[MOST_RANGES];
} Search;

static void
cover(Search *search)
{
	for (int i = 0; i < search->nranges; i++)
		memset(search->text + search->ranges[i].from, '*', search->ranges[i].upto - search->ranges[i].from);
	search->nranges = 0;
}

/* Several views show the same. */
static void
note(Search *search, size_t from, size_t upto)
{
	search->found = true;
	for (int i = search->nranges - 1; i >= 0; i--)
	{
		Range	   *range = &search->ranges[i];

		search->work++;
		if (range->from <= from && range->upto >= from)
		{
			range->upto = range->upto > upto ? range->upto : upto;
			return;
		}
	}
	if (search->nranges == MOST_RANGES)
		cover(search);
	search->ranges[search->nranges++] = (Range) {from, upto};
}

/* ---- looking ---- */

static bool
is_known(Search *search, Kind kind, const uint8_t *bytes, size_t len)
{
	search->work += len;
	return (search->kinds >> kind & 1) && has(search->blotter, hash_of(search->blotter, kind, bytes, len));
}

/* How long the longest value is that stands there whole; 0: none does. */
static size_t
find_whole(Search *search, const uint8_t *bytes, size_t len, uint64_t lengths)
{
	size_t		longest = 0;

	for (; lengths; lengths &= lengths - 1)
	{
		size_t		length = (size_t) __builtin_ctzll(lengths) + 1;

		if (length > len)
			break;
		if (is_known(search, WHOLE, bytes, length))
			longest = length;
	}
	return longest;
}

/* Where a value of which there is more than its start has been cut; 0: it has not. */
static size_t
find_cut(const uint8_t *bytes, size_t len)
{
	const uint8_t *dots = memmem(bytes + BLOT_START, len - BLOT_START, "...", 3);

	if (dots && dots - bytes <= BLOT_LONG)
		return (size_t) (dots - bytes);
	return len < BLOT_LONG ? len : 0;
}

static void
look(Search *search, const View *view, size_t at, uint64_t lengths)
{
	const uint8_t *bytes = view->bytes + at;
	size_t		len = view->n - at;
	size_t		whole = find_whole(search, bytes, len, lengths);
	size_t		cut;

	if (len >= BLOT_BEGINNING && is_known(search, LONG, bytes, BLOT_BEGINNING))
		note(search, view->from[at], search->len);
	else if (whole > 0)
		note(search, view->from[at], view->upto[at + whole - 1]);
	else if (len >= BLOT_BEGINNING && is_known(search, MIDDLING, bytes, BLOT_BEGINNING))
		note(search, view->from[at], search->len);
	else if (len >= BLOT_START && is_known(search, START, bytes, BLOT_START) && (cut = find_cut(bytes, len)) > 0)
		note(search, view->from[at], view->upto[at + cut - 1]);
}

static void
scan(Search *search, View *view, uint64_t lengths)
{
	const Age  *ages = search->blotter->ages;
	size_t		done = 0;

	view->n = 0;
	do
	{
		size_t		end;

		view_read(view, done);
		end = view_has_ended(view) ? view->n : view->n - VIEW_AHEAD;
		for (done = 0; done < end && done + BLOT_SHORTEST <= view->n; done++)
		{
			unsigned	gate = gate_of(search->blotter, view->bytes + done);

			if (is_open(&ages[0], gate) || is_open(&ages[1], gate))
				look(search, view, done, lengths);
		}
		search->work += end;
	} while (!view_has_ended(view) && search->work < MOST_WORK);
}

static void
scan_all(Search *search, ViewWay way, int escapes)
{
	View		view;

	view_begin(&view, way, escapes, search->text, 0, search->len);
	scan(search, &view, search->lengths);
}

/* Nobody knows with which of its digits something begins. */
static void
scan_runs(Search *search, ViewWay way, size_t alignments)
{
	uint64_t	lengths = search->lengths & ~(uint64_t) 0 << (BLOT_SHORTEST_BLIND - 1);
	size_t		from;
	size_t		end = 0;
	View		view;

	while (view_find_run(way, search->text, search->len, &from, &end) && search->work < MOST_WORK)
		for (size_t i = 0; i < alignments; i++)
		{
			view_begin(&view, way, 0, search->text, from + i, end);
			scan(search, &view, lengths);
		}
}

static void
search_all(Search *search)
{
	int			present = view_find_escapes(search->text, search->len);

	for (int escapes = 0; escapes <= VIEW_ALL_ESCAPES; escapes++)
		if ((escapes & ~present) == 0)
			scan_all(search, VIEW_ESCAPES, escapes);
	if (memchr(search->text, '%', search->len))
		scan_all(search, VIEW_PERCENT, 0);
	scan_runs(search, VIEW_HEX, 2);
	scan_runs(search, VIEW_BASE64, 4);
	scan_runs(search, VIEW_NUMBERS, 1);
}

bool
blot_text(const Blotter *blotter, char *text, size_t len)
{
	Search		search;

	if (blot_is_empty(blotter))
		return false;
	search.blotter = blotter;
	search.text = text;
	search.len = len;
	search.lengths = blotter->ages[0].lengths | blotter->ages[1].lengths;
	search.kinds = blotter->ages[0].kinds | blotter->ages[1].kinds;
	search.work = 0;
	search.found = false;
	search.nranges = 0;
	search_all(&search);
	if (search.work >= MOST_WORK)
		note(&search, 0, len);
	cover(&search);
	return search.found;
}
