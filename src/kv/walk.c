/*
 * kv/walk.c
 */
#include "postgres.h"

#include "base/compat.h"
#include "gate/gate.h"
#include "kv/walk.h"
#include "store/name.h"

/* ---- ranges ---- */

static int
compare_beginnings(const NameRange *a, const NameRange *b)
{
	int			order = strcmp(a->from, b->from);

	return order ? order : (int) a->after_from - (int) b->after_from;
}

static int
compare_ends(const NameRange *a, const NameRange *b)
{
	int			order;

	if (a->to == NULL || b->to == NULL)
		return (a->to == NULL) - (b->to == NULL);
	order = strcmp(a->to, b->to);
	return order ? order : (int) a->with_to - (int) b->with_to;
}

static bool
is_empty(const NameRange *range)
{
	int			order = range->to ? strcmp(range->from, range->to) : -1;

	return order > 0 || (order == 0 && (range->after_from || !range->with_to));
}

Ranges
names_in(NameRange range)
{
	Ranges		result = {1, palloc(sizeof(NameRange))};

	result.ranges[0] = range;
	return result;
}

Ranges
all_names(void)
{
	return names_in((NameRange) {.from = ""});
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

Ranges
exact_names(const char **names, int n)
{
	Ranges		result = {0, palloc(sizeof(NameRange) * (Size) Max(n, 1))};

	qsort(names, (size_t) n, sizeof(char *), compare_names);
	for (int i = 0; i < n; i++)
		if (i == 0 || strcmp(names[i - 1], names[i]) != 0)
			result.ranges[result.n++] = (NameRange) {.from = names[i],.to = names[i],.with_to = true};
	return result;
}

Ranges
ranges_intersect(Ranges a, Ranges b)
{
	Ranges		result = {0, palloc(sizeof(NameRange) * (Size) Max(a.n + b.n, 1))};
	int			i = 0;
	int			j = 0;

	while (i < a.n && j < b.n)
	{
		const NameRange *x = &a.ranges[i];
		const NameRange *y = &b.ranges[j];
		const NameRange *later = compare_beginnings(x, y) >= 0 ? x : y;
		const NameRange *sooner = compare_ends(x, y) <= 0 ? x : y;
		NameRange	both = {later->from, sooner->to, later->after_from, sooner->with_to};

		if (!is_empty(&both))
			result.ranges[result.n++] = both;
		if (sooner == x)
			i++;
		else
			j++;
	}
	return result;
}

/* ---- the walk ---- */

struct Walk
{
	Privilege	privilege;
	const char *pattern;
	size_t		plen;
	StoreScan  *scan;
};

/* The gate first: nobody learns how long the pattern took over a name that he may not know. */
static bool
is_wanted(const char *name, void *arg)
{
	const Walk *walk = arg;

	return gate_allows(walk->privilege, name, NULL)
		&& (walk->pattern == NULL || pattern_matches(walk->pattern, walk->plen, name, strlen(name)));
}

static Ranges
names_of_scope(Privilege privilege)
{
	GateScope  *scope = gate_scope(privilege);
	Ranges		result = {scope->n, palloc(sizeof(NameRange) * (Size) Max(scope->n, 1))};

	/* What a session's first decision reads is in its statistics, and must not tell that there was a name. */
	(void) gate_allows(privilege, "first", NULL);
	for (int i = 0; i < scope->n; i++)
		result.ranges[i] = prefix_range(scope->prefixes[i], strlen(scope->prefixes[i]));
	return result;
}

Walk *
walk_begin(const WalkRequest *request)
{
	Walk	   *walk = palloc0(sizeof(Walk));
	Ranges		ranges = ranges_intersect(request->within, names_of_scope(request->privilege));
	ScanRequest scan = {
		.deleted = request->deleted,.brief = request->brief,.snapshot = request->snapshot,
		.filter = is_wanted,.arg = walk
	};

	walk->privilege = request->privilege;
	if (request->pattern)
	{
		walk->pattern = request->pattern;
		walk->plen = strlen(request->pattern);
		ranges = ranges_intersect(ranges, names_in(pattern_range(request->pattern)));
	}
	scan.ranges = ranges.ranges;
	scan.nranges = ranges.n;
	walk->scan = store_begin_scan(&scan);
	return walk;
}

bool
walk_next(Walk *walk, Secret *secret)
{
	return store_next(walk->scan, secret);
}

void
walk_end(Walk *walk)
{
	store_end_scan(walk->scan);
	pfree(walk);
}
