(window.MICROSCOPE_ATLASES ||= {})[{{ folder | script }}] = {{ data | script }};
