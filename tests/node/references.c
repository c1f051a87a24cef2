/* An addon for node that makes a reference for each object that it is given, and deletes none. */
#include <stddef.h>

typedef void *napi_env, *napi_value, *napi_ref, *napi_info;
typedef napi_value callback(napi_env env, napi_info info);

int napi_get_cb_info(napi_env env, napi_info info, size_t *argc, napi_value *argv, napi_value *self, void **data);
int napi_create_reference(napi_env env, napi_value value, unsigned initial, napi_ref *result);
int napi_create_function(napi_env env, const char *name, size_t length, callback *function, void *data,
                         napi_value *result);
int napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);

static napi_value refer(napi_env env, napi_info info) {
    size_t count = 1;
    napi_value object;
    napi_ref forgotten;
    if (napi_get_cb_info(env, info, &count, &object, NULL, NULL) == 0 && count == 1)
        napi_create_reference(env, object, 1, &forgotten);
    return NULL;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
    napi_value function;
    if (napi_create_function(env, "refer", 5, refer, NULL, &function) == 0)
        napi_set_named_property(env, exports, "refer", function);
    return exports;
}
