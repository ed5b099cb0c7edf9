/*
 * redact/literals.c
 *
 * Judged on the query as it was analysed: later, under a plan of its own, a bound
 * parameter is a constant too.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/prepare.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "base/refuse.h"
#include "redact/line.h"
#include "redact/literals.h"
#include "redact/words.h"

#define DEEPEST 16				/* queries within queries that a column is traced through */
#define MOST_STEPS 1000000		/* and expressions that are looked at, for one that names many columns is looked at for each */

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
	ErrorContextCallback *callbacks;

	if (literals == LITERALS_REJECTED)
		REFUSE(ERRCODE_INVALID_PARAMETER_VALUE,
			   errmsg("the value stands in the statement, where others can see it"),
			   errhint(ADVICE));
	if (literals == LITERALS_WARNED_OF && told != GetCurrentStatementStartTimestamp())
	{
		told = GetCurrentStatementStartTimestamp();
		callbacks = hush();		/* the context quotes the statement */
		ereport(NOTICE,
				(errmsg("the value stands in the statement, where others can see it"),
				 errhint(ADVICE),
				 errhidestmt(true), errhidecontext(true)));
		unhush(callbacks);
	}
}

/* ---- is it a constant? ---- */

static int	nsteps = 0;			/* for the statement at hand */

/* A query, and those it stands in. */
typedef struct Scope
{
	Query	   *query;
	const struct Scope *outer;
	int			depth;
} Scope;

/* What an expression is made of. */
typedef struct Made
{
	const Scope *scope;			/* whose columns it may have */
	bool		of_constants;
	bool		of_others;
} Made;

static bool look_into(Node *node, Made *made);

static bool
is_constant(Node *expression, const Scope *scope)
{
	Made		made = {.scope = scope};

	if (scope->depth > DEEPEST)
		return false;
	(void) look_into(expression, &made);
	return made.of_constants && !made.of_others;
}

static bool
is_constant_column(Query *query, AttrNumber column, const Scope *outer)
{
	Scope		scope = {.query = query, .outer = outer, .depth = outer->depth + 1};
	TargetEntry *entry = get_tle_by_resno(query->targetList, column);

	return entry && is_constant((Node *) entry->expr, &scope);
}

/* Of VALUES one row is enough. */
static bool
has_constant(List *rows, AttrNumber column, const Scope *scope)
{
	ListCell   *row;

	foreach(row, rows)
	{
		if (nsteps >= MOST_STEPS)
			break;
		if (is_constant(list_nth(lfirst(row), column - 1), scope))
			return true;
	}
	return false;
}

/* Rows that a function makes of constants. */
static bool
is_made_of_constants(List *functions, const Scope *scope)
{
	ListCell   *cell;

	foreach(cell, functions)
		if (is_constant(((RangeTblFunction *) lfirst(cell))->funcexpr, scope))
			return true;
	return false;
}

static const Scope *
climb(const Scope *scope, Index levels)
{
	while (scope && levels-- > 0)
		scope = scope->outer;
	return scope;
}

static Query *
find_cte(const Scope *scope, const char *name)
{
	ListCell   *cell;

	if (scope == NULL)
		return NULL;
	foreach(cell, scope->query->cteList)
	{
		CommonTableExpr *cte = lfirst(cell);

		if (strcmp(cte->ctename, name) == 0 && IsA(cte->ctequery, Query))
			return (Query *) cte->ctequery;
	}
	return NULL;
}

/* A column of a table is none; of a list of values, or what a query makes of constants, it is. */
static bool
is_constant_column_of(RangeTblEntry *rte, AttrNumber column, const Scope *scope)
{
	Scope		within = {.query = scope->query, .outer = scope->outer, .depth = scope->depth + 1};
	Query	   *cte;

	switch (rte->rtekind)
	{
		case RTE_VALUES:
			return has_constant(rte->values_lists, column, &within);
		case RTE_FUNCTION:
			return is_made_of_constants(rte->functions, &within);
		case RTE_SUBQUERY:
			return is_constant_column(rte->subquery, column, scope);
		case RTE_JOIN:
			return column <= list_length(rte->joinaliasvars)
				&& is_constant(list_nth(rte->joinaliasvars, column - 1), &within);
		case RTE_CTE:
			scope = climb(scope, rte->ctelevelsup);
			cte = find_cte(scope, rte->ctename);
			return cte && is_constant_column(cte, column, scope);
		default:
			return false;
	}
}

static bool
is_constant_var(Var *var, const Scope *scope)
{
	scope = climb(scope, var->varlevelsup);
	return scope && var->varattno >= 1 && var->varno >= 1 && var->varno <= list_length(scope->query->rtable)
		&& is_constant_column_of(rt_fetch(var->varno, scope->query->rtable), var->varattno, scope);
}

/* A single value: SELECT without FROM, in parentheses. */
static bool
is_constant_sublink(SubLink *link, const Scope *scope)
{
	return (link->subLinkType == EXPR_SUBLINK || link->subLinkType == ARRAY_SUBLINK) && IsA(link->subselect, Query)
		&& is_constant_column((Query *) link->subselect, 1, scope);
}

/*
 * What it gives does not stand in the statement.  The server's own functions that
 * are stable and take arguments, format() and the like, put together what does.
 */
static bool
is_looked_up(const FuncExpr *call)
{
	switch (func_volatile(call->funcid))
	{
		case PROVOLATILE_IMMUTABLE:
			return false;
		case PROVOLATILE_STABLE:
			return get_func_namespace(call->funcid) != PG_CATALOG_NAMESPACE || call->args == NIL
				|| call->funcid == F_CURRENT_SETTING_TEXT || call->funcid == F_CURRENT_SETTING_TEXT_BOOL;
		default:
			return true;
	}
}

/* True: there is nothing more to find out. */
static bool
look_into(Node *node, Made *made)
{
	if (node == NULL)
		return false;
	CHECK_FOR_INTERRUPTS();
	if (nsteps++ >= MOST_STEPS)
		made->of_others = true;
	if (made->of_others)
		return true;
	if (IsA(node, Const))
	{
		made->of_constants |= !((Const *) node)->constisnull;
		return false;
	}
	if (IsA(node, Var) && is_constant_var((Var *) node, made->scope))
		made->of_constants = true;
	else if (IsA(node, SubLink) && is_constant_sublink((SubLink *) node, made->scope))
		made->of_constants = true;
	else if (IsA(node, Var) || IsA(node, SubLink) || IsA(node, Param) || IsA(node, SQLValueFunction))
		made->of_others = true;
	else if (IsA(node, FuncExpr) && is_looked_up((FuncExpr *) node))
		made->of_others = true;
	else
		return expression_tree_walker(node, look_into, made);
	return made->of_others;
}

/* ---- where values go in ---- */

typedef struct Search
{
	Scope		scope;
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
takes_constant(FuncExpr *call, const Scope *scope)
{
	char	   *name = get_func_name(call->funcid);
	int			argument = name ? words_value_argument(name) : 0;
	Node	   *value;

	if (argument == 0 || !is_in_our_schema(get_func_namespace(call->funcid)))
		return false;
	line_watch_object(call->funcid);
	value = find_argument(call->args, argument);
	return value && is_constant(value, scope);
}

/* INSERT INTO secrets.inbox. */
static bool
inserts_constant(const Scope *scope)
{
	Query	   *query = scope->query;
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
			return is_constant((Node *) entry->expr, scope);
	}
	return false;
}

static bool search_query(Search *search);

static bool
search(Node *node, Search *state)
{
	if (node == NULL || state->found)
		return state->found;
	if (IsA(node, Query))
	{
		Search		inner = {.scope = {(Query *) node, &state->scope, state->scope.depth + 1}};

		return state->found = search_query(&inner);
	}
	if (IsA(node, FuncExpr) && takes_constant((FuncExpr *) node, &state->scope))
		return state->found = true;
	return expression_tree_walker(node, search, state);
}

static bool
search_query(Search *state)
{
	if (state->scope.query->commandType == CMD_UTILITY || state->scope.depth > DEEPEST)
		return false;
	return state->found = inserts_constant(&state->scope) || query_tree_walker(state->scope.query, search, state, 0);
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

/* Of an expression as it was written: a literal in it, and nothing that is looked up. */
static bool
look_into_raw(Node *node, Made *made)
{
	if (node == NULL)
		return false;
	if (IsA(node, A_Const))
		made->of_constants |= !IS_NULL_LITERAL((A_Const *) node);
	else if (IsA(node, FuncCall) || IsA(node, SubLink) || IsA(node, ColumnRef) || IsA(node, ParamRef))
		made->of_others = true;
	else
		return raw_expression_tree_walker(node, look_into_raw, made);
	return false;
}

static bool
is_literal(Node *node)
{
	Made		made = {.of_others = false};

	(void) look_into_raw(node, &made);
	return made.of_constants && !made.of_others;
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
	Search		state = {.scope = {.query = inner ? inner : query}};

	nsteps = 0;
	if (execute ? executes_literal(execute) : search_query(&state))
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
