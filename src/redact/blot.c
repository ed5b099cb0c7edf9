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

#define TEXTS_A_VALUE (2 + BLOT_MOST_WORDS)	/* the value, it without quotes, its words */
#define HASHES_A_VALUE (3 + 3 + 7)	/* of as many words as there can be, no more can be long enough for several */
#define MOST_TEXTS	(BLOT_MOST * TEXTS_A_VALUE)
#define MOST_HASHES (BLOT_MOST * HASHES_A_VALUE)
#define SLOTS		16384		/* a power of two, and more than that */
#define GATES		65536
#define MOST_RANGES 256
#define MOST_WORK	((size_t) 1 << 28)	/* bytes looked at: a second, or so */

/* What is looked for; the bare in one view only, where nothing else is. */
typedef enum Sort
{
	AS_IT_IS,
	BARE,						/* without the quotes that are in it */
	NUM_SORTS
} Sort;

/* What a hash is of. */
typedef enum Kind
{
	WHOLE,						/* a text of so many bytes */
	START,						/* the first BLOT_START of a longer one */
	MIDDLING,					/* the first BLOT_BEGINNING of a longer one that is not long */
	LONG,						/* the same of one longer than BLOT_LONG */
	NUM_KINDS
} Kind;

/* What came in one age.  Lists say what is to be cleared. */
typedef struct Age
{
	int			ntexts;
	int			nused;
	uint64_t	lengths[NUM_SORTS]; /* of whole texts; bit 0 is 1 */
	unsigned	kinds[NUM_SORTS];	/* bits, by Kind */
	uint64_t	gates[GATES / 64];
	uint64_t	slots[SLOTS];	/* 0: free */
	uint16_t	opened[MOST_TEXTS];	/* a gate a text */
	uint16_t	used[MOST_HASHES];
} Age;

struct Blotter
{
	SipKey		key;
	uint32_t	gate_key;
	int			now;			/* which of the ages */
	int			nfull;			/* times that it was full since the caller began one */
	Age			ages[2];
};

_Static_assert(sizeof(Blotter) <= BLOT_SIZE, "a Blotter fits into what its header says");
_Static_assert(MOST_HASHES < SLOTS, "there is a free slot");
_Static_assert(VIEW_AHEAD >= BLOT_LONG + 3, "a view shows a value, and dots behind it");

/* ---- hashes and gates ---- */

static uint64_t
hash_of(const Blotter *blotter, Sort sort, Kind kind, const uint8_t *bytes, size_t len)
{
	uint64_t	hash = sip_hash(&blotter->key, bytes, len) + (uint64_t) (sort * NUM_KINDS + kind);

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
is_full(const Age *age)
{
	return age->ntexts > MOST_TEXTS - TEXTS_A_VALUE || age->nused > MOST_HASHES - HASHES_A_VALUE;
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

#define OF_WORD		1
#define QUOTE		2

static const uint8_t letters[256] = {
	['0' ... '9'] = OF_WORD,
	['A' ... 'Z'] = OF_WORD,
	['a' ... 'z'] = OF_WORD,
	['_'] = OF_WORD,
	[0x80 ... 0xff] = OF_WORD,
	['\''] = QUOTE,
	['"'] = QUOTE,
	['\\'] = QUOTE,
};

static void
forget(Age *age)
{
	for (int i = 0; i < age->nused; i++)
		age->slots[age->used[i]] = 0;
	for (int i = 0; i < age->ntexts; i++)
		age->gates[age->opened[i] / 64] = 0;
	age->ntexts = age->nused = 0;
	memset(age->lengths, 0, sizeof(age->lengths));
	memset(age->kinds, 0, sizeof(age->kinds));
}

void
blot_init(Blotter *blotter, const uint8_t key[BLOT_KEY_LEN])
{
	forget(&blotter->ages[0]);
	forget(&blotter->ages[1]);
	blotter->key = sip_key(key);
	blotter->gate_key = (uint32_t) blotter->key.halves[0] | 1;
	blotter->nfull = 0;
}

static void
turn(Blotter *blotter)
{
	blotter->now = 1 - blotter->now;
	forget(&blotter->ages[blotter->now]);
}

void
blot_age(Blotter *blotter)
{
	turn(blotter);
	blotter->nfull = 0;
}

/* The first time it is the age before that is forgotten. */
bool
blot_has_lost(const Blotter *blotter)
{
	return blotter->nfull > 1;
}

bool
blot_is_empty(const Blotter *blotter)
{
	return blotter->ages[0].ntexts == 0 && blotter->ages[1].ntexts == 0;
}

/* False: it was there. */
static bool
insert(Blotter *blotter, Sort sort, Kind kind, const uint8_t *bytes, size_t len)
{
	Age		   *age = &blotter->ages[blotter->now];
	uint64_t	hash = hash_of(blotter, sort, kind, bytes, len);
	unsigned	slot = find_slot(age, hash);

	if (age->slots[slot] == hash)
		return false;
	age->slots[slot] = hash;
	age->used[age->nused++] = (uint16_t) slot;
	age->kinds[sort] |= 1u << kind;
	return true;
}

static void
open_gate(Blotter *blotter, const uint8_t *bytes)
{
	Age		   *age = &blotter->ages[blotter->now];
	unsigned	gate = gate_of(blotter, bytes);

	age->gates[gate / 64] |= (uint64_t) 1 << gate % 64;
	age->opened[age->ntexts++] = (uint16_t) gate;
}

/* Folded; of a long one, the beginning.  False: it was there. */
static bool
remember(Blotter *blotter, Sort sort, const uint8_t *bytes, size_t len)
{
	bool		is_long = len > BLOT_LONG;

	if (!insert(blotter, sort, is_long ? LONG : WHOLE, bytes, is_long ? BLOT_BEGINNING : len))
		return false;
	if (!is_long)
		blotter->ages[blotter->now].lengths[sort] |= (uint64_t) 1 << (len - 1);
	if (!is_long && len > BLOT_BEGINNING)
		(void) insert(blotter, sort, MIDDLING, bytes, BLOT_BEGINNING);
	if (len > BLOT_START)
		(void) insert(blotter, sort, START, bytes, BLOT_START);
	open_gate(blotter, bytes);
	return true;
}

/*
 * Words are what the server's scanners take for one: they tell with which one
 * something is wrong.  Those of an address or an object are anybody's.
 */
static size_t
end_of_word(const uint8_t *bytes, size_t len, size_t at)
{
	while (at < len && letters[bytes[at]] == OF_WORD)
		at++;
	return at;
}

static void
remember_words(Blotter *blotter, const uint8_t *bytes, size_t len)
{
	int			n = 0;

	if (bytes[0] == '{' || memmem(bytes, len, "://", 3))
		return;
	for (size_t from = 0, end; from < len && n < BLOT_MOST_WORDS; from = end + 1)
	{
		end = end_of_word(bytes, len, from);
		if (end - from >= BLOT_SHORTEST_WORD)
		{
			(void) remember(blotter, AS_IT_IS, bytes + from, end - from);
			n++;
		}
	}
}

/* Quoted several times over, of the quotes in it there may be any number. */
static void
remember_bare(Blotter *blotter, const char *value, size_t len)
{
	uint8_t		bare[BLOT_LONG + 1];
	size_t		n = 0;

	for (size_t at = 0; at < len && n < sizeof(bare); at++)
		if (letters[(uint8_t) value[at]] != QUOTE)
			bare[n++] = view_fold((uint8_t) value[at]);
	if (n >= BLOT_SHORTEST_WORD)
		(void) remember(blotter, BARE, bare, n);
	explicit_bzero(bare, sizeof(bare));
}

void
blot_remember(Blotter *blotter, const char *value, size_t len)
{
	uint8_t		folded[BLOT_LONG];
	unsigned	some = 0;
	unsigned	all = OF_WORD;

	if (len < BLOT_SHORTEST)
		return;
	if (is_full(&blotter->ages[blotter->now]))
	{
		turn(blotter);
		blotter->nfull++;
	}
	for (size_t i = 0; i < len && i < sizeof(folded); i++)
	{
		folded[i] = view_fold((uint8_t) value[i]);
		some |= letters[(uint8_t) value[i]];
		all &= letters[(uint8_t) value[i]];
	}
	if (remember(blotter, AS_IT_IS, folded, len) && len <= BLOT_LONG && !(all & OF_WORD))
		remember_words(blotter, folded, len);
	if (some & QUOTE)
		remember_bare(blotter, value, len);
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
	uint64_t	lengths[NUM_SORTS];
	unsigned	kinds[NUM_SORTS];
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

/* One view, and what is looked for there. */
typedef struct Look
{
	Search	   *search;
	Sort		sort;
	uint64_t	lengths;
	View		view;
} Look;

static bool
is_known(const Look *look, Kind kind, const uint8_t *bytes, size_t len)
{
	Search	   *search = look->search;

	if (!(search->kinds[look->sort] >> kind & 1))
		return false;
	search->work += len;
	return has(search->blotter, hash_of(search->blotter, look->sort, kind, bytes, len));
}

/* How long the longest value is that stands there whole; 0: none does. */
static size_t
find_whole(const Look *look, const uint8_t *bytes, size_t len)
{
	size_t		longest = 0;

	for (uint64_t lengths = look->lengths; lengths; lengths &= lengths - 1)
	{
		size_t		length = (size_t) __builtin_ctzll(lengths) + 1;

		if (length > len)
			break;
		if (is_known(look, WHOLE, bytes, length))
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
look_at(const Look *look, size_t at)
{
	const View *view = &look->view;
	Search	   *search = look->search;
	const uint8_t *bytes = view->bytes + at;
	size_t		len = view->n - at;
	size_t		whole = find_whole(look, bytes, len);
	size_t		cut;

	if (len >= BLOT_BEGINNING && is_known(look, LONG, bytes, BLOT_BEGINNING))
		note(search, view->from[at], search->len);
	else if (whole > 0)
		note(search, view->from[at], view->upto[at + whole - 1]);
	else if (len >= BLOT_BEGINNING && is_known(look, MIDDLING, bytes, BLOT_BEGINNING))
		note(search, view->from[at], search->len);
	else if (len >= BLOT_START && is_known(look, START, bytes, BLOT_START) && (cut = find_cut(bytes, len)) > 0)
		note(search, view->from[at], view->upto[at + cut - 1]);
}

static void
scan(Look *look)
{
	View	   *view = &look->view;
	const Blotter *blotter = look->search->blotter;
	size_t		done = 0;

	do
	{
		size_t		end;

		view_read(view, done);
		end = view_has_ended(view) ? view->n : view->n - VIEW_AHEAD;
		for (done = 0; done < end && done + BLOT_SHORTEST <= view->n; done++)
		{
			unsigned	gate = gate_of(blotter, view->bytes + done);

			if (is_open(&blotter->ages[0], gate) || is_open(&blotter->ages[1], gate))
				look_at(look, done);
		}
		look->search->work += end;
	} while (!view_has_ended(view) && look->search->work < MOST_WORK);
}

static void
scan_all(Search *search, ViewWay way, int escapes)
{
	Sort		sort = way == VIEW_BARE ? BARE : AS_IT_IS;
	Look		look;

	look.search = search;
	look.sort = sort;
	look.lengths = search->lengths[sort];
	view_begin(&look.view, way, escapes, search->text, 0, search->len);
	scan(&look);
}

/* Nobody knows with which of its digits something begins. */
static void
scan_runs(Search *search, ViewWay way, size_t alignments)
{
	size_t		from;
	size_t		end = 0;
	Look		look;

	look.search = search;
	look.sort = AS_IT_IS;
	look.lengths = search->lengths[AS_IT_IS] & ~(uint64_t) 0 << (BLOT_SHORTEST_BLIND - 1);
	while (view_find_run(way, search->text, search->len, &from, &end) && search->work < MOST_WORK)
		for (size_t i = 0; i < alignments; i++)
		{
			view_begin(&look.view, way, 0, search->text, from + i, end);
			scan(&look);
		}
}

static void
search_all(Search *search)
{
	int			present = view_find_escapes(search->text, search->len);

	for (int escapes = 0; escapes <= VIEW_ALL_ESCAPES; escapes++)
		if ((escapes & ~present) == 0)
			scan_all(search, VIEW_ESCAPES, escapes);
	if (present && search->kinds[BARE])
		scan_all(search, VIEW_BARE, 0);
	if (memchr(search->text, '%', search->len))
		scan_all(search, VIEW_PERCENT, 0);
	scan_runs(search, VIEW_HEX, 2);
	scan_runs(search, VIEW_BASE64, 4);
	scan_runs(search, VIEW_NUMBERS, 1);
}

/* What is looked for is what came in either age. */
static void
begin_search(Search *search, const Blotter *blotter, char *text, size_t len)
{
	const Age  *ages = blotter->ages;

	search->blotter = blotter;
	search->text = text;
	search->len = len;
	search->work = 0;
	search->found = false;
	search->nranges = 0;
	for (int sort = 0; sort < NUM_SORTS; sort++)
	{
		search->lengths[sort] = ages[0].lengths[sort] | ages[1].lengths[sort];
		search->kinds[sort] = ages[0].kinds[sort] | ages[1].kinds[sort];
	}
}

bool
blot_text(const Blotter *blotter, char *text, size_t len)
{
	Search		search;

	if (blot_is_empty(blotter))
		return false;
	begin_search(&search, blotter, text, len);
	search_all(&search);
	if (search.work >= MOST_WORK)
		note(&search, 0, len);
	cover(&search);
	return search.found;
}
