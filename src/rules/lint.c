/*
 * rules/lint.c: the rules as they are, and what is odd about them.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "rules/common.h"
#include "base/catalog.h"
#include "base/refuse.h"
#include "gate/gate.h"
#include "store/name.h"
#include "store/store.h"

/* ---- the view secrets.grants ---- */

static void
emit_rule(Rule *rule, row_emitter emit, void *arg)
{
	Datum		values[GRANTS_COLUMNS] = {0};
	bool		nulls[GRANTS_COLUMNS] = {false};

	values[0] = UUIDPGetDatum(&rule->id);
	values[1] = CStringGetTextDatum(rule->deny ? "deny" : "allow");
	values[2] = rule_encode_privileges(rule->privileges);
	values[3] = CStringGetTextDatum(rule->pattern);
	values[4] = CStringGetTextDatum(rule_grantee_name(rule));
	nulls[5] = rule->valid_from == DT_NOBEGIN;
	values[5] = TimestampTzGetDatum(rule->valid_from);
	nulls[6] = rule->valid_until == DT_NOEND;
	values[6] = TimestampTzGetDatum(rule->valid_until);
	nulls[7] = rule->network == NULL;
	values[7] = InetPGetDatum(rule->network);
	nulls[8] = rule->granted_by == NULL;
	values[8] = rule->granted_by ? CStringGetTextDatum(rule->granted_by) : (Datum) 0;
	values[9] = TimestampTzGetDatum(rule->granted_at);
	values[10] = CStringGetTextDatum(rule_state(rule));
	nulls[11] = rule->ssl < 0;
	values[11] = BoolGetDatum(rule->ssl == 1);
	emit(values, nulls, arg);
}

/* One's own: what one may.  What one may not is told by explain(), name by name. */
static bool
is_own(Rule *rule)
{
	return !rule->deny && !rule_is_unbound(rule) && rule_concerns(rule, GetUserId());
}

void
rules_grants(row_emitter emit, void *arg)
{
	List	   *rules = policy_read_rules();
	List	   *mine;
	ListCell   *cell;

	if (InSecurityRestrictedOperation())
		return;
	AcceptInvalidationMessages();	/* whose the rules are */
	mine = rules_on_oversight(rules);
	foreach(cell, rules)
	{
		Rule	   *rule = lfirst(cell);

		CHECK_FOR_INTERRUPTS();
		if (!is_own(rule) && !looks_after(mine, rule))
			continue;
		gate_require_open();
		emit_rule(rule, emit, arg);
	}
}

/* ---- lint ---- */

typedef struct Prefix
{
	char		text[NAME_MAX_LEN + 1];
	List	   *rules;
} Prefix;

typedef struct Lint
{
	List	   *rules;
	HTAB	   *by_prefix;		/* the same by their literal prefixes */
	TimestampTz now;
	row_emitter emit;
	void	   *arg;
} Lint;

static void
complain(const Lint *lint, Rule *rule, const char *problem, char *advice)
{
	Datum		values[LINT_COLUMNS] = {0};
	bool		nulls[LINT_COLUMNS] = {false};

	values[1] = CStringGetTextDatum(problem);
	values[4] = CStringGetTextDatum(advice);
	nulls[0] = nulls[2] = nulls[3] = rule == NULL;
	if (rule)
	{
		values[0] = UUIDPGetDatum(&rule->id);
		values[2] = CStringGetTextDatum(rule->pattern);
		values[3] = CStringGetTextDatum(rule_grantee_name(rule));
	}
	lint->emit(values, nulls, lint->arg);
}

/* Others that the same call would take. */
static int
count_alike(const Lint *lint, Rule *rule)
{
	char		prefix[NAME_MAX_LEN + 1];
	Prefix	   *found;
	ListCell   *cell;
	int			n = 0;

	strlcpy(prefix, rule->pattern, Min(sizeof(prefix), rule->prefix + 1));
	found = hash_search(lint->by_prefix, prefix, HASH_FIND, NULL);
	foreach(cell, found ? found->rules : NIL)
	{
		Rule	   *other = lfirst(cell);

		if (other != rule && other->deny == rule->deny && strcmp(other->pattern, rule->pattern) == 0
			&& strcmp(rule_grantee_name(other), rule_grantee_name(rule)) == 0)
			n++;
	}
	return n;
}

/* The call that takes the rule away. */
static char *
removal(const Lint *lint, Rule *rule)
{
	int			alike = count_alike(lint, rule);
	char	   *call = psprintf("secrets.%s('all', %s, %s) takes it away", rule->deny ? "undeny" : "revoke",
								quote_literal_cstr(rule->pattern), quote_literal_cstr(rule_grantee_name(rule)));

	return alike ? psprintf("%s, and %d more of that pattern and grantee", call, alike) : call;
}

static bool
is_unconditional(const Rule *rule)
{
	return rule->network == NULL && rule->ssl < 0;
}

/* Whoever is meant by rule is meant by other. */
static bool
means_as_many(Rule *other, Rule *rule)
{
	if (rule_is_public(other))
		return true;
	if (rule_is_public(rule) || rule_is_unbound(other))
		return false;
	return role_has_privileges_of(rule_role(rule), rule_role(other));
}

static bool
says_as_much(Rule *other, Rule *rule, TimestampTz now)
{
	return (rule->privileges & ~other->privileges) == 0
		&& other->valid_from <= Max(rule->valid_from, now) && other->valid_until >= rule->valid_until
		&& is_unconditional(other)
		&& pattern_contains(other->pattern, strlen(other->pattern), rule->pattern, strlen(rule->pattern))
		&& means_as_many(other, rule);
}

/* Of two that say the same, the one with the higher id is the shadow. */
static bool
shadows(Rule *other, Rule *rule, TimestampTz now)
{
	if (other == rule || (rule->deny && !other->deny) || !says_as_much(other, rule, now))
		return false;
	return other->deny != rule->deny || !says_as_much(rule, other, now) || memcmp(&other->id, &rule->id, UUID_LEN) > 0;
}

/* The prefix of a rule that matches as much is a beginning of this one's: few are to be looked at. */
static Rule *
find_shadow(const Lint *lint, Rule *rule)
{
	bool		exact;
	size_t		len = pattern_prefix(rule->pattern, strlen(rule->pattern), &exact);
	char		text[NAME_MAX_LEN + 1];

	/* Longer ones are put there by hand, and never found. */
	for (size_t i = 0; i <= len && i < sizeof(text); i++)
	{
		Prefix	   *prefix;
		ListCell   *cell;

		strlcpy(text, rule->pattern, i + 1);
		prefix = hash_search(lint->by_prefix, text, HASH_FIND, NULL);
		foreach(cell, prefix ? prefix->rules : NIL)
			if (shadows(lfirst(cell), rule, lint->now))
				return lfirst(cell);
	}
	return NULL;
}

static bool
stop_at_first(const Secret *secret, void *arg)
{
	*(bool *) arg = true;
	return false;
}

/* Only for whoever may list all that it could match.  What operates needs no names. */
static bool
matches_nothing(List *rules, const Rule *rule)
{
	Reach		reach = {.pattern = rule->pattern};
	Snapshot	snapshot;
	bool		found = false;

	if ((rule->privileges & PRIVILEGE(PRIV_OPERATE)) || !gate_reaches(rules, PRIVILEGE(PRIV_LIST), &reach))
		return false;
	snapshot = catalog_snapshot();
	store_scan(rule->pattern, NULL, snapshot, stop_at_first, &found);
	UnregisterSnapshot(snapshot);
	return !found;
}

static bool
is_of_everything(const Rule *rule)
{
	return pattern_contains(rule->pattern, strlen(rule->pattern), "**", 2);
}

static void
check_rule(const Lint *lint, Rule *rule)
{
	Rule	   *shadow;

	if (rule_is_unbound(rule))
		complain(lint, rule, "unbound", psprintf("no role of this cluster is meant; %s", removal(lint, rule)));
	else if (rule->valid_until <= GetCurrentTimestamp())
		complain(lint, rule, "expired", psprintf("it ended at %s; %s", timestamptz_to_str(rule->valid_until), removal(lint, rule)));
	else if ((shadow = find_shadow(lint, rule)) != NULL)
		complain(lint, rule, "shadowed",
				 psprintf("rule %s %s; %s", rule_id_text(shadow),
						  shadow->deny == rule->deny ? "says as much" : "denies it", removal(lint, rule)));
	else if (matches_nothing(lint->rules, rule))
		complain(lint, rule, "matches_nothing", psprintf("there is nothing of that name; %s", removal(lint, rule)));
	if (!rule->deny && rule_is_public(rule))
		complain(lint, rule, "public", psprintf("every role of this cluster may; %s", removal(lint, rule)));
	if (rule->deny && rule_is_public(rule) && is_unconditional(rule) && is_of_everything(rule)
		&& rule_is_in_force(rule, GetCurrentTimestamp()))
		complain(lint, rule, "locks_out", psprintf("nobody but who passes every check may %s; %s",
												   privileges_text(rule->privileges), removal(lint, rule)));
}

/* Without the bypass somebody must be able to give. */
static void
check_lockout(const Lint *lint)
{
	ListCell   *cell;

	if (policy_bypass_is_on())
		return;
	foreach(cell, lint->rules)
	{
		Rule	   *rule = lfirst(cell);

		if (!rule->deny && (rule->privileges & PRIVILEGE(PRIV_GRANT)) && is_of_everything(rule)
			&& rule_is_in_force(rule, GetCurrentTimestamp()) && !rule_is_unbound(rule))
			return;
	}
	complain(lint, NULL, "locks_out",
			 "secrets.superuser_bypass is off and nobody holds grant on **: turn it on, give that to somebody, and turn it off again");
}

static void
sort_by_prefix(Lint *lint)
{
	HASHCTL		ctl = {.keysize = NAME_MAX_LEN + 1,.entrysize = sizeof(Prefix),.hcxt = CurrentMemoryContext};
	ListCell   *cell;

	lint->by_prefix = hash_create("secrets, rules by prefix", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	foreach(cell, lint->rules)
	{
		Rule	   *rule = lfirst(cell);
		char		text[NAME_MAX_LEN + 1];
		Prefix	   *prefix;
		bool		exact;
		bool		found;

		strlcpy(text, rule->pattern, Min(pattern_prefix(rule->pattern, strlen(rule->pattern), &exact) + 1, sizeof(text)));
		prefix = hash_search(lint->by_prefix, text, HASH_ENTER, &found);
		prefix->rules = lappend(found ? prefix->rules : NIL, rule);
	}
}

void
rules_lint(row_emitter emit, void *arg)
{
	Lint		lint = {.emit = emit,.arg = arg};
	bool		any = gate_scope(PRIV_GRANT)->n > 0 || gate_scope(PRIV_AUDIT)->n > 0;
	List	   *mine;
	ListCell   *cell;

	if (!any)
	{
		GatePass	pass = gate_ask(PRIV_GRANT, NULL);

		gate_refuse(&pass);
	}
	lint.now = GetCurrentTimestamp();
	lint.rules = policy_read_rules();
	mine = rules_on_oversight(lint.rules);
	sort_by_prefix(&lint);
	foreach(cell, lint.rules)
	{
		CHECK_FOR_INTERRUPTS();
		if (looks_after(mine, lfirst(cell)))
			check_rule(&lint, lfirst(cell));
	}
	check_lockout(&lint);
}
