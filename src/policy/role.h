/*
 * policy/role.h: who a rule is for.
 *
 * Neither a role's name nor its OID says who it is: a name can be given to
 * another, and OIDs come round again.  So a role that a rule names gets a
 * random tag, as a security label of our own provider: it goes with the role
 * through a rename, ends with DROP ROLE, is one for all databases, and
 * pg_dumpall carries it.  Predefined roles (pg_monitor ...) cannot be made,
 * renamed or dropped: there the name is the tag.
 */
#ifndef SECRETS_POLICY_ROLE_H
#define SECRETS_POLICY_ROLE_H

#define TAG_LEN 32				/* hex digits */

extern void role_init(void);

/* Goes up with every change that may concern who is who and who is in what. */
extern uint64 role_generation(void);

/* The tag that a role bears; false: none yet. */
extern bool role_read_tag(Oid role, char tag[NAMEDATALEN]);

/* Gives it one, the wanted one if that is not NULL, unless it bears one.  The role is locked. */
extern void role_make_tag(Oid role, const char *wanted, char tag[NAMEDATALEN]);

/* Waits for a DROP ROLE under way, and keeps the next away until the transaction ends; false: it is gone. */
extern bool role_lock(Oid role);

/* Who bears the tag: the role of that OID, if it does, or whoever else in the cluster.  InvalidOid: nobody. */
extern Oid	role_of_tag(const char *tag, Oid likely);

/*
 * Whether what is given to grantee is given to role, as PostgreSQL counts it:
 * NOINHERIT and the INHERIT option of a membership count.  A superuser is
 * taken for a member of what it is a member of, and of nothing else.
 */
extern bool role_has_privileges_of(Oid role, Oid grantee);

/*
 * The tags of all roles whose privileges role has, its own first: how many.
 * -1: more than max.
 */
extern int	role_read_tags(Oid role, int max, char (*tags)[NAMEDATALEN]);

/* From role (not in it) to grantee: "team > readers".  NULL: the same, or no such way. */
extern char *role_path(Oid role, Oid grantee, bool by_inheritance);

/* Whether a third role lends its privileges to both. */
extern bool role_have_common_group(Oid one, Oid other);

/* Not one of them, but may become one without asking anybody. */
typedef enum Obtain
{
	OBTAIN_NOT,
	OBTAIN_BY_SET,				/* SET ROLE */
	OBTAIN_BY_ADMIN				/* grants itself the membership */
} Obtain;

extern Obtain role_could_obtain(Oid role, Oid grantee);

#endif
