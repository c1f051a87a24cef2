/* Which npm package a file belongs to. */
#ifndef RSD_PACKAGE_H
#define RSD_PACKAGE_H

/* "sharp@0.35.5" for a file below a node_modules folder, by the nearest package.json that has a name and a version;
 * the name alone when there is none any more; NULL for a file that is in no package. To be freed. */
char *rsd_package_of(const char *path);

/* The path of a JavaScript file: that of an ES module is a URL. NULL when it is none as it stands. */
const char *rsd_script_path(const char *file);

#endif
