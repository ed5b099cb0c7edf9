/*
 * redact/mask.h: finds the statements that bring a secret in, and covers what
 * they were given.
 *
 * Plain C, because the texts are anybody's: statements that do not parse, lines
 * of other extensions, what is left of a text that was cut.  It allocates nothing
 * and raises nothing, for it is called while an error is being reported; and a
 * masked text has as many bytes as before, for others hold positions in it.
 * Work grows with the length of the text and no faster.
 */
#ifndef SECRETS_REDACT_MASK_H
#define SECRETS_REDACT_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum MaskWordKind
{
	MASK_CALL,					/* f(...): counts where "(" follows, in whatever schema */
	MASK_RELATION,				/* secrets.f; plain f where it is written to (INTO, COPY), or the schema is in the search path */
	MASK_ANYWHERE,				/* whatever stands around it: a wrapper of a user's */
} MaskWordKind;

/* A name as the catalogs have it: folded, or as it was quoted. */
typedef struct MaskWord
{
	const char *name;
	MaskWordKind kind;
} MaskWord;

/* Of which lengths words are that begin with a byte: a bit each, the last one for all that is longer. */
typedef struct MaskIndex
{
	uint64_t	lengths[256];
	bool		has_odd;		/* there are words that can be written in quotes only */
} MaskIndex;

typedef struct MaskWords
{
	const MaskWord *words;
	int			nwords;
	bool		is_in_path;		/* what is MASK_RELATION may stand without its schema */

	/*
	 * Functions in the schema secrets that take no value; where there are any, a
	 * call in that schema of whatever else counts too: put() misspelt is none that
	 * anybody knows.
	 */
	const char *const *harmless;
	int			nharmless;
	const MaskIndex *index;		/* of these words, which makes short work of texts that have none; or NULL */
} MaskWords;

typedef enum MaskJudgement
{
	MASK_NOTHING,
	MASK_PASSWORDS,				/* PASSWORD '...' of a role, a user mapping, a connection string: that literal alone */
	MASK_ALL,
	MASK_UNQUOTED,				/* no judgement, but asked for: MASK_ALL, and words that stand where a value does */
} MaskJudgement;

/* Parameters ($1 is bit 0) that stand as the name of a secret; and that stand elsewhere, which goes before. */
typedef struct MaskParams
{
	uint64_t	names;
	uint64_t	values;
} MaskParams;

/* To be made anew when words come or go. */
extern MaskIndex mask_index(const MaskWord *words, int nwords);

/*
 * Does the text name one of the words?  Looks everywhere: in literals, bodies,
 * comments, quoted names, for a statement may stand in any of them.  Names are
 * matched as identifiers: put (...), PUT/ * * /(...), "put"(...), U&"\0070ut"(...).
 */
extern MaskJudgement mask_judge(const char *text, size_t len, const MaskWords *words);

/*
 * The text is SQL (or was, or was to be).  By judgement MASK_ALL each literal of
 * whatever kind becomes asterisks, quotes and prefix staying; so do numbers,
 * comments but for hints, and names in quotes that quote code, or stand for a value
 * in a call that takes one.  What is left in the open: the first argument, or
 * name => ..., of a call that is written secrets.f(, where it is nothing but a plain
 * literal that has the form of a name.  Bodies (after DO, AS and LANGUAGE x) of SQL
 * and PL/pgSQL are masked as SQL of their own.
 *
 * Where a text cannot be what it looks like, all is covered from the first value
 * on, to the end: what is not terminated, a plain literal with a backslash before a
 * quote, literals that touch what they never do.  A quote that should have been
 * doubled does that, nearly always.
 *
 * By MASK_UNQUOTED also put('n', hunter2), which is a column or a value that somebody
 * forgot to quote: for what was not understood, or not yet.  Names of what is called
 * stay, and of arguments.
 *
 * To mask twice covers no less, and nothing more in what is SQL; and what named a
 * word still does: of those in literals and comments one is left, if there
 * is no other.  (Not of words that can be written in quotes only, and not where
 * judgement could only say that it cannot tell.)  Returns whether anything was
 * changed.
 */
extern bool mask_sql(char *text, size_t len, const MaskWords *words, MaskJudgement judgement);

/* Which parameters are names of secrets: of the same text, masked or not.  Where it is in doubt, none. */
extern MaskParams mask_find_params(const char *text, size_t len, const MaskWords *words);

/*
 * "$1 = 'a', $2 = NULL", as the server prints what was bound, whatever stands
 * before: covers each literal, but for parameters that are names by the argument
 * and by their form.
 */
extern bool mask_params(char *text, size_t len, const MaskParams *params);

/*
 * Of a text that only quotes SQL: all from its first quote of these kinds to the
 * last one, by which nothing can be out of step; and to the end, where the last one
 * cannot be the other end of the first.
 */
extern bool mask_between(char *text, size_t len, const char *quotes);

/*
 * EXECUTE name, EXPLAIN ... EXECUTE name, CREATE TABLE ... AS EXECUTE name: the
 * name of the prepared statement, folded, into name (of 64 bytes, as the server
 * cuts it).  False: it is none of these.  The first statement of the text is
 * looked at, from after on; *after is where that ended, for the next.
 */
extern bool mask_find_execute(const char *text, size_t len, size_t *after, char name[64]);

#endif
