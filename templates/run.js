window.MICROSCOPE_RUN = {{ run | script }};
