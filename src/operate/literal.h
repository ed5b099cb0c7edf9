/*
 * operate/literal.h: SQL that is kept somewhere, and what values stand in it.
 */
#ifndef SECRETS_OPERATE_LITERAL_H
#define SECRETS_OPERATE_LITERAL_H

/* One of our functions that takes a value, by its place or by name; or a view of ours, by its column. */
typedef struct ValueTaker
{
	const char *name;
	bool		is_relation;
	int			number;			/* of the argument or the column, from 1 */
	const char *value;			/* what that is called */
} ValueTaker;

/*
 * Looks for a value that stands in the text as a literal, also in what it builds
 * as a string: given to secrets.put(), secrets.inbox and the like, a PASSWORD,
 * password= of a connection string.  Returns what has it ("secrets.put()"), or NULL.
 * What is computed, bound, or a placeholder of format() is none.
 */
extern char *literal_find(const char *sql, const ValueTaker *takers, int ntakers);

/* Does it name a function of ours, secrets.f(, that is wanted?  Its name, or NULL. */
extern char *literal_find_call(const char *sql, bool (*is_wanted) (const char *function));

#endif
