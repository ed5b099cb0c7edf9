/*
 * redact/literals.c
 *
 * Judged on the query as it was analysed: later, under a plan of its own, a bound
 * parameter is a constant too.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "commands/prepare.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "base/refuse.h"
#include "redact/line.h"
#include "redact/literals.h"
#include "redact/words.h"

#define DEEPEST 16				/* queries within queries that a column is traced through */

typedef enum LiteralsAre
{
	LITERALS_ALLOWED,
	LITERALS_WARNED_OF,
	LITERALS_REJECTED
} LiteralsAre;

static const struct config_enum_entry choices[] = {
	{"allow", LITERALS_ALLOWED, false},
	{"warn", LITERALS_WARNED_OF, false},
	{"reject", LITERALS_REJECTED, false},
	{NULL, 0, false}
};

static int	literals = LITERALS_WARNED_OF;

#define ADVICE "Bind it as a parameter ($1), or have the value made here by secrets.generate()."

/* Once for what the client sent, however often it is analysed, and whatever it calls. */
static void
tell(void)
{
	static TimestampTz told = 0;

	if (literals == LITERALS_REJECTED)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("the value stands in the statement, where others can see it"),
			   errhint(ADVICE));
	if (literals == LITERALS_WARNED_OF && told != GetCurrentStatementStartTimestamp())
	{
		told = GetCurrentStatementStartTimestamp();
		ereport(NOTICE,
				(errmsg("the value stands in the statement, where others can see it"),
				 errhint(ADVICE),
				 errhidestmt(true), errhidecontext(true)));
	}
}

/* ---- is it a constant? ---- */

/* What an expression is made of. */
typedef struct Made
{
	Query	   *query;			/* whose columns it may have */
	int			depth;
	bool		of_constants;
	bool		of_others;
} Made;

static bool look_into(Node *node, Made *made);

static bool
is_constant(Node *expression, Query *query, int depth)
{
	Made		made = {.query = query, .depth = depth};

	if (depth > DEEPEST)
		return false;
	(void) look_into(expression, &made);
	return made.of_constants && !made.of_others;
}

static bool
is_constant_column(Query *query, AttrNumber column, int depth)
{
	TargetEntry *entry = get_tle_by_resno(query->targetList, column);

	return entry && is_constant((Node *) entry->expr, query, depth);
}

/* Of VALUES one row is enough. */
static bool
has_constant(List *rows, AttrNumber column, Query *query, int depth)
{
	ListCell   *row;

	foreach(row, rows)
		if (is_constant(list_nth(lfirst(row), column - 1), query, depth))
			return true;
	return false;
}

static Query *
find_cte(Query *query, const char *name)
{
	ListCell   *cell;

	foreach(cell, query->cteList)
	{
		CommonTableExpr *cte = lfirst(cell);

		if (strcmp(cte->ctename, name) == 0 && IsA(cte->ctequery, Query))
			return (Query *) cte->ctequery;
	}
	return NULL;
}

/* A column of a table is none; of a list of values, or what a query makes of constants, it is. */
static bool
is_constant_var(Var *var, Query *query, int depth)
{
	RangeTblEntry *rte;
	Query	   *cte;

	if (var->varlevelsup != 0 || var->varattno < 1 || var->varno < 1 || var->varno > list_length(query->rtable))
		return false;
	rte = rt_fetch(var->varno, query->rtable);
	if (rte->rtekind == RTE_VALUES)
		return has_constant(rte->values_lists, var->varattno, query, depth + 1);
	if (rte->rtekind == RTE_SUBQUERY)
		return is_constant_column(rte->subquery, var->varattno, depth + 1);
	if (rte->rtekind == RTE_JOIN && var->varattno <= list_length(rte->joinaliasvars))
		return is_constant(list_nth(rte->joinaliasvars, var->varattno - 1), query, depth + 1);
	if (rte->rtekind == RTE_CTE && rte->ctelevelsup == 0 && (cte = find_cte(query, rte->ctename)) != NULL)
		return is_constant_column(cte, var->varattno, depth + 1);
	return false;
}

/* A single value: SELECT without FROM, in parentheses. */
static bool
is_constant_sublink(SubLink *link, int depth)
{
	return link->subLinkType == EXPR_SUBLINK && IsA(link->subselect, Query)
		&& is_constant_column((Query *) link->subselect, 1, depth + 1);
}

static bool
look_into(Node *node, Made *made)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const))
	{
		made->of_constants |= !((Const *) node)->constisnull;
		return false;
	}
	if (IsA(node, Var) && is_constant_var((Var *) node, made->query, made->depth))
		made->of_constants = true;
	else if (IsA(node, SubLink) && is_constant_sublink((SubLink *) node, made->depth))
		made->of_constants = true;
	else if (IsA(node, Var) || IsA(node, SubLink) || IsA(node, Param) || IsA(node, Aggref) || IsA(node, WindowFunc)
			 || IsA(node, SQLValueFunction))
		made->of_others = true;
	else if (IsA(node, FuncExpr) && func_volatile(((FuncExpr *) node)->funcid) == PROVOLATILE_VOLATILE)
		made->of_others = true;
	else
		return expression_tree_walker(node, look_into, made);
	return false;
}

/* ---- where values go in ---- */

typedef struct Search
{
	Query	   *query;
	bool		found;
} Search;

static Node *
find_argument(List *args, int number)
{
	ListCell   *cell;
	int			position = 0;

	foreach(cell, args)
	{
		Node	   *arg = lfirst(cell);
		bool		is_named = IsA(arg, NamedArgExpr);

		if ((is_named ? ((NamedArgExpr *) arg)->argnumber : position) == number - 1)
			return is_named ? (Node *) ((NamedArgExpr *) arg)->arg : arg;
		position++;
	}
	return NULL;
}

static bool
is_in_our_schema(Oid schema)
{
	Oid			ours = get_namespace_oid("secrets", true);

	return OidIsValid(ours) && schema == ours;
}

static bool
takes_constant(FuncExpr *call, Query *query)
{
	char	   *name = get_func_name(call->funcid);
	int			argument = name ? words_value_argument(name) : 0;
	Node	   *value;

	if (argument == 0 || !is_in_our_schema(get_func_namespace(call->funcid)))
		return false;
	line_watch_object(call->funcid);
	value = find_argument(call->args, argument);
	return value && is_constant(value, query, 0);
}

/* INSERT INTO secrets.inbox. */
static bool
inserts_constant(Query *query)
{
	RangeTblEntry *target = query->resultRelation ? rt_fetch(query->resultRelation, query->rtable) : NULL;
	char	   *name = target ? get_rel_name(target->relid) : NULL;
	const char *column = name ? words_value_column(name) : NULL;
	ListCell   *cell;

	if (column == NULL || !is_in_our_schema(get_rel_namespace(target->relid)))
		return false;
	line_watch_object(target->relid);
	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst(cell);

		if (entry->resname && strcmp(entry->resname, column) == 0)
			return is_constant((Node *) entry->expr, query, 0);
	}
	return false;
}

static bool search_query(Query *query, Search *search);

static bool
search(Node *node, Search *state)
{
	if (node == NULL || state->found)
		return state->found;
	if (IsA(node, Query))
	{
		Search		inner = {.query = (Query *) node};

		return state->found = search_query((Query *) node, &inner);
	}
	if (IsA(node, FuncExpr) && takes_constant((FuncExpr *) node, state->query))
		return state->found = true;
	return expression_tree_walker(node, search, state);
}

static bool
search_query(Query *query, Search *state)
{
	if (query->commandType == CMD_UTILITY)
		return false;
	state->found = inserts_constant(query) || query_tree_walker(query, search, state, 0);
	return state->found;
}

/* ---- EXECUTE p('...') ---- */

/* The query in a statement that has one: EXPLAIN, DECLARE, CREATE TABLE AS; NULL where there is none. */
static Query *
find_inner(Node *utility)
{
	Node	   *inner = NULL;

	if (utility && IsA(utility, ExplainStmt))
		inner = ((ExplainStmt *) utility)->query;
	else if (utility && IsA(utility, DeclareCursorStmt))
		inner = ((DeclareCursorStmt *) utility)->query;
	else if (utility && IsA(utility, CreateTableAsStmt))
		inner = ((CreateTableAsStmt *) utility)->query;
	return inner && IsA(inner, Query) ? (Query *) inner : NULL;
}

static ExecuteStmt *
find_execute(Node *utility)
{
	Query	   *inner = find_inner(utility);

	if (inner)
		utility = inner->utilityStmt;
	return utility && IsA(utility, ExecuteStmt) ? (ExecuteStmt *) utility : NULL;
}

bool
literals_executes(Node *utility)
{
	ExecuteStmt *execute = find_execute(utility);
	PreparedStatement *prepared = execute ? FetchPreparedStatement(execute->name, false) : NULL;

	return prepared
		&& words_judge(prepared->plansource->query_string, strlen(prepared->plansource->query_string)) == MASK_ALL;
}

static bool
is_literal(Node *node)
{
	while (node && IsA(node, TypeCast))
		node = ((TypeCast *) node)->arg;
	return node && IsA(node, A_Const) && !IS_NULL_LITERAL((A_Const *) node);
}

static bool
executes_literal(ExecuteStmt *statement)
{
	PreparedStatement *prepared = FetchPreparedStatement(statement->name, false);
	const char *text = prepared ? prepared->plansource->query_string : "";
	MaskParams	params = words_find_params(text, strlen(text));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, statement->params)
	{
		if (n < 64 && (params.values >> n & 1) && is_literal(lfirst(cell)))
			return true;
		n++;
	}
	return false;
}

/* ---- the verdict ---- */

void
literals_look(Query *query)
{
	Query	   *inner = find_inner(query->utilityStmt);
	ExecuteStmt *execute = find_execute(query->utilityStmt);
	Search		state = {.query = inner ? inner : query};

	if (execute ? executes_literal(execute) : search_query(state.query, &state))
		tell();
}

void
literals_init(void)
{
	DefineCustomEnumVariable("secrets.literals",
							 "What happens where a value stands in a statement as a literal.",
							 "Whoever may watch sessions sees a statement in the moment before it is understood, and masked. "
							 "warn tells the client by a notice, reject refuses the statement; bound parameters are what is meant to be used.",
							 &literals, LITERALS_WARNED_OF, choices, PGC_SIGHUP, 0, NULL, NULL, NULL);
}
