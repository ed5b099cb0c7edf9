/*
 * operate/place.h: where something lies on this machine, and who else gets there.
 */
#ifndef SECRETS_OPERATE_PLACE_H
#define SECRETS_OPERATE_PLACE_H

/* As the kernel sees both; false also where one is not there. */
extern bool place_is_inside(const char *path, const char *dir);
extern bool place_is_in_data_directory(const char *path);

/* What a setting says, which means the data directory where it is no absolute path. */
extern char *place_from_data_directory(const char *path);

/*
 * The first directory on the way to path that somebody else than root and the server's user
 * may put things into, or NULL.  (Where it is sticky, what is there stays.)
 */
extern char *place_find_open_directory(const char *path);

#endif
