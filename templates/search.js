window.MICROSCOPE = {{ data | script }};
