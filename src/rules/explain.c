/*
 * rules/explain.c: may one, and why.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "rules/common.h"
#include "base/refuse.h"
#include "gate/gate.h"

/*
 * About whom.  Whoever may not ask about others learns of no role whether it
 * exists, and is refused before.
 */
static Oid
choose_role(const char *role, const char *name)
{
	Oid			oid = role ? get_role_oid(role, true) : GetUserId();

	gate_require_asking(oid, name);
	return role ? check_role(role) : oid;
}

bool
rules_can(const char *word, const char *name, const char *role)
{
	Privilege	privilege;

	name = check_asked_name(name);
	if (!privilege_find(word, strlen(word), &privilege))
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("no such privilege"),
			   errhint("Privileges are %s.", privileges_text(ALL_PRIVILEGES)));
	return policy_decide(choose_role(role, name), privilege, name).allowed;
}

/* ---- explain ---- */

typedef struct Question
{
	Oid			role;
	Privilege	privilege;
	const char *name;			/* NULL: everything */
	List	   *rules;
} Question;

typedef struct Explanation
{
	bool		allowed;
	const char *effect;			/* NULL: nothing decided */
	Rule	   *rule;
	const char *through;
	bool		could_obtain;
	const char *needed;			/* NULL: nothing */
} Explanation;

static Rule *
find_rule(List *rules, const pg_uuid_t *id)
{
	ListCell   *cell;

	foreach(cell, rules)
		if (memcmp(&((Rule *) lfirst(cell))->id, id, UUID_LEN) == 0)
			return lfirst(cell);
	return NULL;
}

static bool
is_about(const Rule *rule, const Question *question)
{
	return !rule->deny && (rule->privileges & PRIVILEGE(question->privilege)) && rule_matches(rule, question->name);
}

static char *
call_of(const char *verb, const Question *question, const char *pattern, const char *grantee)
{
	return psprintf("secrets.%s(%s, %s, %s)", verb, quote_literal_cstr(privilege_name(question->privilege)),
					quote_literal_cstr(pattern), quote_literal_cstr(grantee));
}

/* A rule that is the role's own, but not now, or not from here. */
static const char *
explain_missed(Rule *rule)
{
	TimestampTz now = GetCurrentTimestamp();

	if (rule->valid_until <= now)
		return psprintf("a new rule: %s ended at %s", rule_id_text(rule), timestamptz_to_str(rule->valid_until));
	if (rule->valid_from > now)
		return psprintf("patience: rule %s begins at %s", rule_id_text(rule), timestamptz_to_str(rule->valid_from));
	if (rule->network)
		return psprintf("a connection from %s%s, for rule %s",
						DatumGetCString(DirectFunctionCall1(inet_out, InetPGetDatum(rule->network))),
						rule->ssl == 1 ? " with TLS" : rule->ssl == 0 ? " without TLS" : "", rule_id_text(rule));
	return psprintf("a connection over TCP %s TLS, for rule %s", rule->ssl ? "with" : "without", rule_id_text(rule));
}

/* Nothing matched: what comes nearest, and what it lacks. */
static void
explain_default(const Question *question, Explanation *answer)
{
	char	   *me = GetUserNameFromId(question->role, false);
	ListCell   *cell;

	answer->needed = call_of("grant", question,
							 question->name && question->privilege != PRIV_OPERATE ? question->name : "**", me);
	foreach(cell, question->rules)
	{
		Rule	   *rule = lfirst(cell);
		bool		holds = rule_is_in_force(rule, GetCurrentTimestamp()) && rule_conditions_hold(rule);
		Obtain		how;

		if (!is_about(rule, question) || rule_is_unbound(rule))
			continue;
		if (rule_concerns(rule, question->role))
		{
			answer->rule = rule;
			answer->needed = explain_missed(rule);
			continue;
		}
		how = holds ? role_could_obtain(question->role, rule_role(rule)) : OBTAIN_NOT;
		/* The other may be denied what its rule allows. */
		if (how == OBTAIN_NOT || !policy_decide(rule_role(rule), question->privilege, question->name).allowed)
			continue;
		answer->rule = rule;
		answer->could_obtain = true;
		answer->needed = how == OBTAIN_BY_SET ? psprintf("SET ROLE %s", quote_identifier(rule_grantee_name(rule)))
			: psprintf("GRANT %s TO %s%s", quote_identifier(rule_grantee_name(rule)), quote_identifier(me), AND_LET_IT_INHERIT);
		answer->through = role_path(question->role, rule_role(rule), false);
		if (answer->through == NULL)
			answer->through = rule_grantee_name(rule);
		return;
	}
}

static const char *
explain_way(Rule *rule, Oid role)
{
	char	   *path;

	if (rule_is_public(rule) || rule_role(rule) == role)
		return NULL;
	path = role_path(role, rule_role(rule), true);
	return path ? path : rule_grantee_name(rule);	/* pg_database_owner has no rows of members */
}

static Explanation
explain(const Question *question)
{
	Verdict		verdict = policy_decide(question->role, question->privilege, question->name);
	Explanation answer = {.allowed = verdict.allowed};

	if (verdict.ground == GROUND_OWNER)
	{
		answer.effect = "allow";
		answer.through = superuser_arg(question->role) ? "superuser" : "owner of the extension";
		return answer;
	}
	answer.rule = verdict.ground == GROUND_RULE ? find_rule(question->rules, &verdict.rule) : NULL;
	if (answer.rule == NULL)
	{
		explain_default(question, &answer);
		return answer;
	}
	answer.effect = answer.rule->deny ? "deny" : "allow";
	answer.through = explain_way(answer.rule, question->role);
	if (answer.rule->deny)
		answer.needed = call_of("undeny", question, answer.rule->pattern, rule_grantee_name(answer.rule));
	return answer;
}

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
emit_explanation(const Question *question, Explanation *answer, row_emitter emit, void *arg)
{
	Datum		values[EXPLAIN_COLUMNS] = {0};
	bool		nulls[EXPLAIN_COLUMNS] = {false};
	Rule	   *rule = answer->rule;

	values[0] = CStringGetTextDatum(privilege_name(question->privilege));
	values[1] = BoolGetDatum(answer->allowed);
	values[2] = text_or_null(answer->effect, &nulls[2]);
	nulls[3] = rule == NULL;
	values[3] = rule ? UUIDPGetDatum(&rule->id) : (Datum) 0;
	values[4] = text_or_null(rule ? rule->pattern : NULL, &nulls[4]);
	values[5] = text_or_null(rule ? rule_grantee_name(rule) : NULL, &nulls[5]);
	values[6] = text_or_null(answer->through, &nulls[6]);
	values[7] = BoolGetDatum(answer->could_obtain);
	values[8] = text_or_null(answer->needed, &nulls[8]);
	emit(values, nulls, arg);
}

void
rules_explain(const char *name, const char *role, row_emitter emit, void *arg)
{
	Question	question = {.name = check_asked_name(name)};

	question.role = choose_role(role, question.name);
	question.rules = policy_read_rules();
	for (int privilege = 0; privilege < NUM_PRIVILEGES; privilege++)
	{
		Explanation answer;

		question.privilege = (Privilege) privilege;
		answer = explain(&question);
		emit_explanation(&question, &answer, emit, arg);
	}
}
