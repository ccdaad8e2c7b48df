/* Compiled in front of the model's own C: its layer hook calls the app. */
#ifndef MCE_APP_HOOK_H
#define MCE_APP_HOOK_H

void mce_app_layer(int index, const void *output);

#define MCE_LAYER_HOOK(index, output) mce_app_layer(index, output)

#endif
