/*
 * policy/decide.c: one question, one answer; and the memory of answers.
 *
 * An answer is remembered by role, privilege and name, as long as no rule, no
 * role, no membership changed, and no rule that could have mattered began or
 * ended.  The server tells of changes at each lock that it takes; a decision
 * takes none that is new, so it asks by itself.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/catalog.h"
#include "policy/rule.h"
#include "store/name.h"

static bool superuser_bypass = true;

/* Work space of one decision. */
static MemoryContext scratch = NULL;

void
policy_init(void)
{
	DefineCustomBoolVariable("secrets.superuser_bypass",
							 "Lets superusers and the extension's owner pass every check.",
							 "They are audited like everyone. Off, they need rules like everyone too: somebody "
							 "should hold grant on ** before. It keeps an honest superuser from reading by accident, "
							 "not a dishonest one, who can turn it on again.",
							 &superuser_bypass, true, PGC_SIGHUP, 0, NULL, NULL, NULL);
	role_init();
	rule_init();
}

bool
policy_bypass_is_on(void)
{
	return superuser_bypass;
}

/* All that is decided begins here, and so with hearing what has changed. */
bool
policy_passes_all(Oid role)
{
	AcceptInvalidationMessages();
	return superuser_bypass && (superuser_arg(role) || role == catalog_owner());
}

/* ---- judging ---- */

typedef struct Judgement
{
	Oid			role;
	Privilege	privilege;
	const char *name;
	TimestampTz now;
	TimestampTz holds_until;	/* until then nothing that was looked at begins or ends */
	Rule	   *allow;			/* what decides; copies, for the visited may go */
	Rule	   *deny;
} Judgement;

/* Of several the narrowest speaks, so that the same one speaks each time. */
static bool
is_better(const Rule *rule, const Rule *than)
{
	size_t		len = strlen(rule->pattern);
	size_t		than_len = strlen(than->pattern);

	if (len != than_len)
		return len > than_len;
	return memcmp(&rule->id, &than->id, UUID_LEN) < 0;
}

static void
propose(Rule **chosen, const Rule *rule)
{
	if (*chosen && !is_better(rule, *chosen))
		return;
	if (*chosen == NULL)
		*chosen = palloc(sizeof(Rule));
	**chosen = *rule;
	(*chosen)->pattern = pstrdup(rule->pattern);	/* the next one is compared with it */
}

static void
weigh(Rule *rule, void *arg)
{
	Judgement  *judgement = arg;

	if (!(rule->privileges & PRIVILEGE(judgement->privilege)) || !rule_matches(rule, judgement->name)
		|| !rule_concerns(rule, judgement->role))
		return;
	if (rule->valid_from > judgement->now)
		judgement->holds_until = Min(judgement->holds_until, rule->valid_from);
	else if (rule->valid_until > judgement->now)
		judgement->holds_until = Min(judgement->holds_until, rule->valid_until);
	if (rule_is_in_force(rule, judgement->now) && rule_conditions_hold(rule))
		propose(rule->deny ? &judgement->deny : &judgement->allow, rule);
}

/*
 * A rule that changes while we read makes us begin again: half of each state is
 * neither.  Not for ever: with debug_discard_caches something always changes.
 */
#define MOST_TRIES 100

static void
judge(Judgement *judgement)
{
	uint64		rules;
	uint64		roles;
	int			tries = 0;

	do
	{
		rules = rule_generation();
		roles = role_generation();
		judgement->now = GetCurrentTimestamp();
		judgement->holds_until = DT_NOEND;
		judgement->allow = judgement->deny = NULL;
		rule_visit(judgement->role, judgement->name, weigh, judgement);
		CHECK_FOR_INTERRUPTS();
	} while ((rules != rule_generation() || roles != role_generation()) && ++tries < MOST_TRIES);
}

static Verdict
judge_in_scratch(Judgement *judgement)
{
	MemoryContext before;
	Verdict		verdict = {.allowed = false,.ground = GROUND_NONE};
	const Rule *rule;

	if (scratch == NULL)
		scratch = AllocSetContextCreate(TopMemoryContext, "secrets, one decision", ALLOCSET_SMALL_SIZES);
	before = MemoryContextSwitchTo(scratch);
	judge(judgement);
	rule = judgement->deny ? judgement->deny : judgement->allow;
	if (rule)
	{
		verdict.allowed = !rule->deny;
		verdict.ground = GROUND_RULE;
		verdict.rule = rule->id;
	}
	MemoryContextSwitchTo(before);
	MemoryContextReset(scratch);
	return verdict;
}

/* ---- remembering ---- */

#define ANSWER_SETS		512
#define ANSWER_WAYS		4
#define ANSWER_NAME		120		/* longer names are judged each time */

typedef struct Answer
{
	uint64		epoch;			/* 0: no answer yet */
	Oid			role;
	TimestampTz holds_until;
	Verdict		verdict;
	uint8		privilege;
	char		name[ANSWER_NAME];
} Answer;

/* The hashes apart and close together: a look at the answers themselves is a miss of the processor's cache. */
static uint32 hashes[ANSWER_SETS][ANSWER_WAYS];
static Answer answers[ANSWER_SETS][ANSWER_WAYS];
static uint8 next_way[ANSWER_SETS];
static uint64 epoch = 1;
static uint64 epoch_rules = 0;	/* the state of rules and roles that it stands for */
static uint64 epoch_roles = 0;

static void
begin_epoch(void)
{
	if (epoch_rules == rule_generation() && epoch_roles == role_generation())
		return;
	epoch++;
	epoch_rules = rule_generation();
	epoch_roles = role_generation();
}

static Answer *
find_answer(uint32 hash, Oid role, Privilege privilege, const char *name)
{
	uint32		set = hash % ANSWER_SETS;

	for (int way = 0; way < ANSWER_WAYS; way++)
	{
		Answer	   *answer = &answers[set][way];

		if (hashes[set][way] == hash && answer->epoch == epoch
			&& answer->role == role && answer->privilege == privilege && strcmp(answer->name, name) == 0)
			return answer;
	}
	return NULL;
}

/* In the place of one that was here before. */
static void
remember(uint32 hash, const Judgement *judgement, size_t len, const Verdict *verdict)
{
	uint32		set = hash % ANSWER_SETS;
	int			way = next_way[set]++ % ANSWER_WAYS;
	Answer	   *answer = &answers[set][way];

	hashes[set][way] = hash;
	answer->epoch = epoch;
	answer->role = judgement->role;
	answer->privilege = (uint8) judgement->privilege;
	answer->holds_until = judgement->holds_until;
	answer->verdict = *verdict;
	memcpy(answer->name, judgement->name, len + 1);
}

static bool
still_holds(const Answer *answer)
{
	return answer->holds_until == DT_NOEND || answer->holds_until > GetCurrentTimestamp();
}

Verdict
policy_decide(Oid role, Privilege privilege, const char *name)
{
	Judgement	judgement = {.role = role,.privilege = privilege,.name = name};
	Verdict		verdict = {.allowed = true,.ground = GROUND_OWNER};
	size_t		len;
	uint32		hash;
	Answer	   *answer;

	if (policy_passes_all(role))
		return verdict;
	if (name == NULL || (len = strlen(name)) >= ANSWER_NAME)
		return judge_in_scratch(&judgement);

	begin_epoch();
	/* role in it, so that two who ask in turn do not drive each other out */
	hash = hash_bytes((const unsigned char *) name, (int) len) + ((uint32) privilege ^ role) * 0x9e3779b9u;
	answer = find_answer(hash, role, privilege, name);
	if (answer && still_holds(answer))
		return answer->verdict;
	if (answer)
		answer->epoch = 0;		/* a rule has begun or ended */

	verdict = judge_in_scratch(&judgement);
	begin_epoch();				/* judging has heard of what came in between */
	remember(hash, &judgement, len, &verdict);
	return verdict;
}

/* ---- where at all ---- */

typedef struct Scope
{
	Oid			role;			/* InvalidOid: none yet */
	uint64		rules;
	uint64		roles;
	TimestampTz holds_until;
	int			n;
	const char **prefixes;
	MemoryContext memory;
} Scope;

static Scope scopes[NUM_PRIVILEGES + 1];

static int
compare_prefixes(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* In order, and only those that no other one is the beginning of. */
static void
keep_widest(Scope *scope, List *prefixes)
{
	ListCell   *cell;
	const char *last = NULL;

	list_sort(prefixes, compare_prefixes);
	scope->prefixes = MemoryContextAlloc(scope->memory, sizeof(char *) * (Size) (list_length(prefixes) + 1));
	scope->n = 0;
	foreach(cell, prefixes)
	{
		const char *prefix = lfirst(cell);

		if (last && strncmp(prefix, last, strlen(last)) == 0)
			continue;
		last = prefix;
		scope->prefixes[scope->n++] = MemoryContextStrdup(scope->memory, prefix);
	}
}

static void
make_scope(Scope *scope, Oid role, Privilege privilege)
{
	PrivilegeSet wanted = privilege == ANY_PRIVILEGE ? ALL_PRIVILEGES : PRIVILEGE(privilege);
	TimestampTz now = GetCurrentTimestamp();
	List	   *prefixes = NIL;
	ListCell   *cell;

	scope->rules = rule_generation();
	scope->roles = role_generation();
	scope->holds_until = DT_NOEND;
	foreach(cell, policy_read_rules())
	{
		Rule	   *rule = lfirst(cell);
		bool		exact;
		size_t		len = pattern_prefix(rule->pattern, strlen(rule->pattern), &exact);

		if (rule->deny || !(rule->privileges & wanted) || !rule_concerns(rule, role))
			continue;
		if (rule->valid_from > now)
			scope->holds_until = Min(scope->holds_until, rule->valid_from);
		else if (rule->valid_until > now)
			scope->holds_until = Min(scope->holds_until, rule->valid_until);
		if (rule_is_in_force(rule, now) && rule_conditions_hold(rule))
			prefixes = lappend(prefixes, pnstrdup(rule->pattern, len));
	}
	keep_widest(scope, prefixes);
	scope->role = role;
}

static const char **
copy_prefixes(const char *const *from, int n)
{
	const char **copy = palloc(sizeof(char *) * (Size) (n + 1));

	for (int i = 0; i < n; i++)
		copy[i] = pstrdup(from[i]);
	return copy;
}

int
policy_scope(Oid role, Privilege privilege, const char ***prefixes)
{
	static const char *const everywhere[] = {""};
	Scope	   *scope = &scopes[privilege];
	MemoryContext before;

	if (policy_passes_all(role))
	{
		*prefixes = copy_prefixes(everywhere, 1);
		return 1;
	}
	if (scope->role != role || scope->rules != rule_generation() || scope->roles != role_generation()
		|| (scope->holds_until != DT_NOEND && scope->holds_until <= GetCurrentTimestamp()))
	{
		scope->role = InvalidOid;
		if (scope->memory == NULL)
			scope->memory = AllocSetContextCreate(TopMemoryContext, "secrets, where to look", ALLOCSET_SMALL_SIZES);
		MemoryContextReset(scope->memory);
		before = MemoryContextSwitchTo(AllocSetContextCreate(CurrentMemoryContext, "secrets, all rules", ALLOCSET_DEFAULT_SIZES));
		make_scope(scope, role, privilege);
		MemoryContextDelete(MemoryContextSwitchTo(before));
	}
	*prefixes = copy_prefixes(scope->prefixes, scope->n);
	return scope->n;
}

/* ---- giving on ---- */

static bool
lasts(const Rule *rule, const Reach *reach)
{
	return rule->valid_until >= reach->valid_until
		&& (rule->network == NULL || rule_network_contains(rule, reach->network))
		&& (rule->ssl < 0 || rule->ssl == reach->ssl);
}

static bool
reaches(Rule *rule, Oid role, Privilege privilege, const Reach *reach)
{
	return !rule->deny && (rule->privileges & PRIVILEGE(privilege))
		&& rule_is_in_force(rule, GetCurrentTimestamp()) && rule_conditions_hold(rule)
		&& (!reach->lasting || lasts(rule, reach))
		&& pattern_contains(rule->pattern, strlen(rule->pattern), reach->pattern, strlen(reach->pattern))
		&& rule_concerns(rule, role);
}

/* Whatever its conditions: what may be denied at times is not held. */
static bool
obstructs(Rule *rule, Oid role, Privilege privilege, const Reach *reach)
{
	return rule->deny && (rule->privileges & PRIVILEGE(privilege))
		&& rule->valid_until > GetCurrentTimestamp()
		&& pattern_intersects(rule->pattern, strlen(rule->pattern), reach->pattern, strlen(reach->pattern))
		&& rule_concerns(rule, role);
}

static bool
covers(List *rules, Oid role, Privilege privilege, const Reach *reach)
{
	bool		covered = false;
	ListCell   *cell;

	foreach(cell, rules)
	{
		if (obstructs(lfirst(cell), role, privilege, reach))
			return false;
		covered = covered || reaches(lfirst(cell), role, privilege, reach);
	}
	return covered;
}

bool
policy_covers(List *rules, Oid role, PrivilegeSet privileges, const Reach *reach)
{
	if (policy_passes_all(role))
		return true;
	for (int privilege = 0; privilege < NUM_PRIVILEGES; privilege++)
		if ((privileges & PRIVILEGE(privilege)) && !covers(rules, role, (Privilege) privilege, reach))
			return false;
	return privileges != 0;
}
