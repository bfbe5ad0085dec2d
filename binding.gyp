{
  # `node-gyp rebuild` in a clone runs cmake-js, which does the work (CMakeLists.txt). npm runs nothing of this: package.json
  # says "gypfile": false, and the tarball has no binding.gyp.
  'targets': [
    {
      'target_name': 'ibn_net',
      'type': 'none',
      'actions': [
        {
          'action_name': 'cmake_js',
          'message': 'Compiling the native module with cmake-js',
          'inputs': ['CMakeLists.txt'],
          'outputs': ['<(PRODUCT_DIR)/ibn_net.node.by-cmake-js'],
          'action': ['node', 'scripts/build-native.mjs'],
        },
      ],
    },
  ],
}
