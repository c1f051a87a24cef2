/* The version of the recorder and the analyzer: they are released together. */
#ifndef RESIDUE_VERSION_H
#define RESIDUE_VERSION_H

#define RESIDUE_VERSION "0.1.0"

#endif
